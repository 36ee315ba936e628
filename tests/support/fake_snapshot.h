// A snapshot in plain containers, filled line by line: what the tests of policy say feeds hold.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ioc/snapshot.h"

namespace cenote::test {

struct Listed {
  std::string what;  // a name or a prefix
  std::string feed = "feed";
  Action action = Action::kSinkhole;
  Scope scope = Scope::kSuffix;
  std::string category = "malware";
  uint8_t confidence = 80;
  int64_t first_seen = 0;
  int64_t valid_from = 0;
  int64_t valid_until = 0;
  std::string threat{};
  std::string source_ref{};
};

class FakeSnapshot final : public Snapshot {
 public:
  explicit FakeSnapshot(std::vector<Listed> listed, uint64_t generation = 1);

  [[nodiscard]] uint64_t generation() const noexcept override { return generation_; }
  size_t find(const Name& name, std::span<Hit> out) const noexcept override;
  [[nodiscard]] bool has_entry_below(const Name& name) const noexcept override;
  size_t find(const IpAddress& address, std::span<Hit> out) const noexcept override;
  [[nodiscard]] Record record(uint32_t id) const noexcept override;
  [[nodiscard]] const std::vector<SnapshotFeed>& feeds() const noexcept override { return feeds_; }
  [[nodiscard]] const std::vector<std::string>& categories() const noexcept override { return categories_; }
  [[nodiscard]] uint64_t names() const noexcept override { return listed_.size(); }
  [[nodiscard]] uint64_t addresses() const noexcept override { return 0; }
  [[nodiscard]] uint64_t bytes() const noexcept override { return 0; }

 private:
  size_t write(std::vector<Hit> hits, std::span<Hit> out) const noexcept;

  std::vector<Listed> listed_;
  std::vector<SnapshotFeed> feeds_;
  std::vector<std::string> categories_;
  uint64_t generation_;
};

}  // namespace cenote::test
