#include "resolver/policy/clients.h"

#include <algorithm>

#include "resolver/base/text.h"

namespace cenote {
namespace {

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool may_be_in_name(char c) noexcept {
  return is_word(c) || c == '.' || c == '_' || c == '-' || c == '@';
}

}  // namespace

bool is_client_name(std::string_view text) noexcept {
  constexpr size_t kMost = 62;
  return !text.empty() && text.size() <= kMost && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), may_be_in_name);
}

bool is_client_pattern(std::string_view text) noexcept {
  return is_client_name(text.starts_with("*.") ? text.substr(2) : text);
}

bool is_client_of(std::string_view pattern, std::string_view name) noexcept {
  return pattern.starts_with("*.") ? name.ends_with(pattern.substr(1)) : name == pattern;
}

ClientName client_name_of(std::string_view text) noexcept {
  std::string name = to_lower(text);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !may_be_in_name(c); }, '-');
  return ClientName(name);
}

Clients::Clients(const ClientSettings& settings)
    : allow_(settings.allow), admits_certificates_(settings.certificates), groups_(settings.groups) {
  for (size_t i = 0; i < groups_.size(); ++i) {
    for (const Prefix& prefix : groups_[i].from) {
      members_.push_back({prefix, static_cast<uint16_t>(i)});
    }
    for (const std::string& name : groups_[i].names) {
      const bool is_suffix = name.starts_with("*.");
      (is_suffix ? suffixes_ : names_).emplace(is_suffix ? name.substr(1) : name, static_cast<uint16_t>(i));
    }
  }
  std::stable_sort(members_.begin(), members_.end(),
                   [](const Member& a, const Member& b) { return a.prefix.length > b.prefix.length; });
}

bool Clients::may_ask(const IpAddress& client, bool has_certificate) const noexcept {
  return (has_certificate && admits_certificates_) ||
         std::any_of(allow_.begin(), allow_.end(),
                     [&](const Prefix& block) { return block.contains(client); });
}

// The name itself, else the longest suffix that is listed.
uint16_t Clients::group_of_name(std::string_view name) const noexcept {
  if (const auto exact = names_.find(name); exact != names_.end()) {
    return exact->second;
  }
  for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    if (const auto listed = suffixes_.find(name.substr(dot)); listed != suffixes_.end()) {
      return listed->second;
    }
  }
  return kNoGroup;
}

uint16_t Clients::group_of(const IpAddress& client, std::string_view name) const noexcept {
  if (!name.empty()) {
    if (const uint16_t group = group_of_name(name); group != kNoGroup) {
      return group;
    }
  }
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
