// What is in force after small changes: the mapped base with an overlay in front. Everything that is asked of
// it is answered as if both had been compiled into one.
//
// Threads: immutable; any number of readers. Look-ups neither allocate nor throw.
#pragma once

#include "ioc/overlay.h"

namespace cenote {

class OverlaidSnapshot final : public Snapshot {
 public:
  // REQUIRES: layers.overlay is not null and was made for layers.base.
  OverlaidSnapshot(Layers layers, uint64_t generation);

  [[nodiscard]] uint64_t generation() const noexcept override { return generation_; }
  size_t find(const Name& name, std::span<Hit> out) const noexcept override;
  [[nodiscard]] bool has_entry_below(const Name& name) const noexcept override;
  size_t find(const IpAddress& address, std::span<Hit> out) const noexcept override;
  [[nodiscard]] Record record(uint32_t id) const noexcept override;
  [[nodiscard]] const std::vector<SnapshotFeed>& feeds() const noexcept override { return feeds_; }
  [[nodiscard]] const std::vector<std::string>& categories() const noexcept override {
    return overlay_->categories();
  }
  [[nodiscard]] uint64_t names() const noexcept override;
  [[nodiscard]] uint64_t addresses() const noexcept override;
  [[nodiscard]] uint64_t bytes() const noexcept override { return base_->bytes() + overlay_->bytes(); }

 private:
  [[nodiscard]] Scope scope_of(uint32_t record) const noexcept;

  std::shared_ptr<const CompiledSnapshot> base_;
  std::shared_ptr<const Overlay> overlay_;
  std::vector<SnapshotFeed> feeds_;
  uint64_t generation_;
};

}  // namespace cenote
