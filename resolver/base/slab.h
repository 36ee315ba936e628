// Objects that live across a wait, reached by handles instead of pointers: a handle whose object has gone
// finds nothing. One thread. Slots are reused; memory grows to the most that ever lived at once.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace cenote {

struct Handle {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;

  bool operator==(const Handle&) const = default;
};

template <typename T>
class Slab {
 public:
  Handle insert(T value) {
    const Handle handle = add();
    slots_[handle.index]->value = std::move(value);
    return handle;
  }

  // A new T, to be filled in place.
  Handle add() {
    if (free_.empty()) {
      slots_.push_back(std::make_unique<Slot>());
      free_.push_back(static_cast<uint32_t>(slots_.size() - 1));
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = *slots_[index];
    slot.live = true;
    ++size_;
    return {index, slot.generation};
  }

  // Null when the object has gone. The pointer holds until the next erase of this handle.
  T* find(Handle handle) {
    if (handle.index >= slots_.size()) {
      return nullptr;
    }
    Slot& slot = *slots_[handle.index];
    return slot.live && slot.generation == handle.generation ? &slot.value : nullptr;
  }

  bool erase(Handle handle) {
    if (find(handle) == nullptr) {
      return false;
    }
    Slot& slot = *slots_[handle.index];
    // Gone before its destructor runs, which may come back here.
    slot.live = false;
    ++slot.generation;
    --size_;
    std::destroy_at(&slot.value);
    ::new (static_cast<void*>(&slot.value)) T;  // and not T(), which may clear all its bytes first
    free_.push_back(handle.index);
    return true;
  }

  template <typename F>
  void for_each(F&& visit) {
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i]->live) {
        visit(Handle{i, slots_[i]->generation}, slots_[i]->value);
      }
    }
  }

  [[nodiscard]] size_t size() const noexcept { return size_; }

  // For whoever looks at some of them in turn: what lives at a place, if anything does.
  [[nodiscard]] size_t places() const noexcept { return slots_.size(); }
  [[nodiscard]] std::optional<Handle> at_place(size_t place) const noexcept {
    const Slot& slot = *slots_[place];
    return slot.live ? std::optional(Handle{static_cast<uint32_t>(place), slot.generation}) : std::nullopt;
  }

 private:
  struct Slot {
    Slot() noexcept {}  // not "= default", for the same reason
    T value;
    uint32_t generation = 0;
    bool live = false;
  };
  std::vector<std::unique_ptr<Slot>> slots_;  // each by itself: growing never moves what lives
  std::vector<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace cenote
