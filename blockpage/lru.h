// A map that never holds more than a fixed number of entries: a new one pushes out the one that was not used
// for longest. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <unordered_map>
#include <utility>

namespace cenote {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Lru {
 public:
  explicit Lru(size_t capacity) : capacity_(capacity) {}  // REQUIRES: capacity > 0

  // Null when absent. The pointer holds until the next insert or clear.
  Value* find(const Key& key) {
    const auto found = where_.find(key);
    if (found == where_.end()) {
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  // REQUIRES: the key is absent.
  Value& insert(Key key, Value value) {
    if (entries_.size() == capacity_) {
      where_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(std::move(key), std::move(value));
    where_.emplace(entries_.front().first, entries_.begin());
    return entries_.front().second;
  }

  void clear() {
    where_.clear();
    entries_.clear();
  }
  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;
  size_t capacity_;
  Entries entries_;  // most recently used first
  std::unordered_map<Key, typename Entries::iterator, Hash> where_;
};

}  // namespace cenote
