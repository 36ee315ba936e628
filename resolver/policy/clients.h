// Who a client is to the policy: may it ask at all, and which group's actions apply to it. Immutable after
// construction, one per thread that decides.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resolver/policy/settings.h"
#include "resolver/policy/verdict.h"

namespace cenote {

constexpr uint16_t kNoGroup = UINT16_MAX;

// What a client is called that says who it is: by its certificate, or by the path that it asks at.
using ClientName = ShortText<62>;
// 1 to 62 of a-z 0-9 . _ - @, beginning with a letter or digit.
bool is_client_name(std::string_view text) noexcept;
// A name, or "*." before one: all that end in it, but not it itself.
bool is_client_pattern(std::string_view text) noexcept;
bool is_client_of(std::string_view pattern, std::string_view name) noexcept;
// Of what a certificate says: in lower case, "-" for what no name may hold.
ClientName client_name_of(std::string_view text) noexcept;

class Clients {
 public:
  explicit Clients(const ClientSettings& settings);

  // By its address, or by a certificate of the site's own authority. A name alone admits nobody: the path of
  // a request is a label that anybody can write (docs/decisions/0010-who-is-admitted.md).
  [[nodiscard]] bool may_ask(const IpAddress& client, bool has_certificate) const noexcept;
  // The group that has the client's name, else the one with the longest prefix around it, or kNoGroup.
  [[nodiscard]] uint16_t group_of(const IpAddress& client, std::string_view name = {}) const noexcept;
  [[nodiscard]] const std::vector<GroupSettings>& groups() const noexcept { return groups_; }
  [[nodiscard]] std::string_view group_name(uint16_t group) const noexcept;

 private:
  struct Member {
    Prefix prefix;
    uint16_t group;
  };
  [[nodiscard]] uint16_t group_of_name(std::string_view name) const noexcept;

  std::vector<Prefix> allow_;
  bool admits_certificates_;
  std::vector<GroupSettings> groups_;
  std::vector<Member> members_;                            // longest prefix first
  std::map<std::string, uint16_t, std::less<>> names_;     // "kiosk-7"
  std::map<std::string, uint16_t, std::less<>> suffixes_;  // ".lab.corp.example"
};

}  // namespace cenote
