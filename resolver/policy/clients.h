// Who a client is to the policy: may it ask at all, and which group's actions apply to it. Immutable after
// construction, one per thread that decides.
#pragma once

#include <vector>

#include "resolver/policy/settings.h"

namespace cenote {

constexpr uint16_t kNoGroup = UINT16_MAX;

class Clients {
 public:
  explicit Clients(const ClientSettings& settings);

  [[nodiscard]] bool may_ask(const IpAddress& client) const noexcept;
  // The group with the longest prefix around the client, or kNoGroup.
  [[nodiscard]] uint16_t group_of(const IpAddress& client) const noexcept;
  [[nodiscard]] const std::vector<GroupSettings>& groups() const noexcept { return groups_; }
  [[nodiscard]] std::string_view group_name(uint16_t group) const noexcept;

 private:
  struct Member {
    Prefix prefix;
    uint16_t group;
  };
  std::vector<Prefix> allow_;
  std::vector<GroupSettings> groups_;
  std::vector<Member> members_;  // longest prefix first
};

}  // namespace cenote
