// Texts, each kept once and known by a number; 0 is the empty text. For the build of a snapshot, where a
// million entries share a few reasons.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cenote {

class TextPool {
 public:
  TextPool();
  uint32_t intern(std::string_view text);
  // Holds until the next intern().
  [[nodiscard]] std::string_view at(uint32_t id) const noexcept {
    return std::string_view(bytes_).substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
  }
  [[nodiscard]] size_t size() const noexcept { return offsets_.size() - 1; }
  [[nodiscard]] const std::vector<uint32_t>& offsets() const noexcept {
    return offsets_;
  }  // one more than size()
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

 private:
  void grow();
  [[nodiscard]] size_t slot_of(std::string_view text) const noexcept;

  std::string bytes_;
  std::vector<uint32_t> offsets_;
  std::vector<uint32_t> slots_;  // open addressing; 0: free (the empty text needs no slot)
};

}  // namespace cenote
