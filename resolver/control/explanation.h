// The verdict on a name and the whole way to it, as values that outlive the snapshot: `cenote explain`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "resolver/policy/policy.h"

namespace cenote {

struct ExplainQuestion {
  Name name;
  std::optional<IpAddress> address;  // instead of the name: as an answer would carry it
  uint16_t type = 1;
  IpAddress client = IpAddress::v4({127, 0, 0, 1});
  std::string client_name = {};  // if it says who it is
  bool has_certificate = false;  // and proves it: tls.client_ca
  WallTime time{};
};

// One entry that covers the name, and what became of it.
struct ExplainStep {
  std::string feed;
  std::string category;
  std::string indicator;  // the entry's name or block
  Scope scope = Scope::kExact;
  Action feed_action = Action::kPass;
  Action action = Action::kPass;  // after the group's say
  std::string fate;               // "won", "outranked", "expired", "not-yet-valid", "excepted", ...
  int confidence = 0;
  std::string threat;
  std::string reference;
  std::string note;
  std::string excepted;    // whom an exception is for, as ExceptionSettings::client says it
  int64_t valid_from = 0;  // Unix seconds, 0: always
  int64_t valid_until = 0;
};

struct Explanation {
  ExplainQuestion question;
  uint64_t generation = 0;  // in force
  bool may_ask = true;      // false: the client is refused whatever the name
  std::string group;
  Verdict verdict;
  std::vector<ExplainStep> steps;  // most specific first
  std::string upstream_zone;       // who would be asked when nothing blocks; filled by the daemon
};

// The name or block of an entry of that depth that covers what was asked.
std::string listed_at(const ExplainQuestion& question, uint8_t depth);
// The entry that decided. REQUIRES: one did.
std::string matched_by(const Explanation& explanation);
// Upstream is not asked, so what an answer would carry is not judged.
Explanation explain(const Policy& policy, const ExplainQuestion& question);

}  // namespace cenote
