// Why a name is blocked, as the text of an extended error: one line for people (RFC 8914 section 2), or JSON
// for clients that ask for it and show it (draft-ietf-dnsop-structured-dns-error). Immutable, no allocation
// per answer.
#pragma once

#include <array>
#include <string>

#include "resolver/events/event.h"
#include "resolver/policy/settings.h"

namespace cenote {

class BlockReason {
 public:
  static constexpr size_t kMostBytes = 1000;
  using Buffer = std::array<char, kMostBytes>;

  // `contact`: whom to ask, in the line for people.
  BlockReason(const PolicySettings& settings, std::string_view contact);

  // Both write into `buffer`, at most `room` bytes, and give what was written.
  std::string_view for_people(Buffer& buffer, size_t room, const Verdict& verdict,
                              IncidentId incident) const noexcept;
  // Whole JSON or nothing: what is less needed is left out when there is no room.
  std::string_view for_programs(Buffer& buffer, size_t room, const Verdict& verdict,
                                IncidentId incident) const noexcept;

 private:
  std::string contact_;       // ", " and the contact
  std::string contacts_;      // "c":["mailto:...","tel:..."],  or nothing
  std::string organisation_;  // ,"o":"..."  or nothing
};

}  // namespace cenote
