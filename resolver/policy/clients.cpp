#include "resolver/policy/clients.h"

#include <algorithm>

namespace cenote {

Clients::Clients(const ClientSettings& settings) : allow_(settings.allow), groups_(settings.groups) {
  for (size_t i = 0; i < groups_.size(); ++i) {
    for (const Prefix& prefix : groups_[i].from) {
      members_.push_back({prefix, static_cast<uint16_t>(i)});
    }
  }
  std::stable_sort(members_.begin(), members_.end(),
                   [](const Member& a, const Member& b) { return a.prefix.length > b.prefix.length; });
}

bool Clients::may_ask(const IpAddress& client) const noexcept {
  return std::any_of(allow_.begin(), allow_.end(),
                     [&](const Prefix& block) { return block.contains(client); });
}

uint16_t Clients::group_of(const IpAddress& client) const noexcept {
  for (const Member& member : members_) {
    if (member.prefix.contains(client)) {
      return member.group;
    }
  }
  return kNoGroup;
}

std::string_view Clients::group_name(uint16_t group) const noexcept {
  return group == kNoGroup ? std::string_view{} : std::string_view(groups_[group].name);
}

}  // namespace cenote
