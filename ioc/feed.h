// What a person configures about one feed.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/indicator.h"

namespace cenote {

constexpr int kLearnt = -1;  // a limit that the feed's own lists teach (ioc/size_guard.h)

// What becomes of an entry that a guard catches: it waits for a person, is rejected, or acts all the same.
enum class GuardAction : uint8_t { kHold, kReject, kOff };

// The guards whose answer depends on what a feed is, set for it alone; none: as for every feed.
struct FeedGuards {
  std::optional<GuardAction> shared_host;
  std::optional<GuardAction> private_suffix;
  std::optional<GuardAction> wide_block;

  bool operator==(const FeedGuards&) const = default;
};

struct FeedSettings {
  std::string name;             // [a-z0-9][a-z0-9._-]{0,62}
  std::string source = "push";  // "file:PATH", "https://...", or "push" (only over the API)
  std::string format = "auto";
  std::map<std::string, std::string> options;  // scope, encoding, origin, column, header, delimiter, ...
  std::string category = "malware";
  Action action = Action::kSinkhole;
  int confidence = 80;         // for entries that carry none, 0..100
  int min_confidence = 0;      // below it an entry is monitored only
  milliseconds monitor_for{};  // a new feed only monitors so long at least, and until a person promotes it
  milliseconds refresh{15 * 60 * 1000};
  std::string proxy;              // for a URL: "http://HOST:PORT"; empty: none
  std::string auth_file;          // for a URL: a file with one header line, "Authorization: Bearer ..."
  std::string ca_file;            // for a URL: whom its certificate must come from; empty: the system's
  std::string threat;             // shown when an entry has none of its own
  std::optional<int> max_growth;  // instead of the guards'
  std::optional<int> max_shrink;
  std::optional<int> max_rejected;
  FeedGuards guards;  // of single entries

  bool operator==(const FeedSettings&) const = default;
};

// An exception for one of clients.groups says so where others have a prefix; no prefix begins like that.
constexpr std::string_view kForGroup = "group:";
inline std::string for_group(std::string_view group) {
  return std::string(kForGroup).append(group);
}
// The name of the group that it is for; empty: it is for others.
inline std::string_view excepted_group(std::string_view client) noexcept {
  return client.starts_with(kForGroup) ? client.substr(kForGroup.size()) : std::string_view();
}

struct ExceptionSettings {
  std::string name;  // a name with everything below it
  bool exact = false;
  std::string reason;
  std::optional<WallTime> until;  // exclusive
  std::string client;             // a prefix, a group as for_group() says it, or empty for everybody

  bool operator==(const ExceptionSettings&) const = default;
};

// The guards of single entries, by the words that tell them.
struct EntryGuards {
  GuardAction top_site = GuardAction::kHold;
  GuardAction protected_name = GuardAction::kHold;
  GuardAction warninglist = GuardAction::kHold;
  GuardAction shared_host = GuardAction::kHold;
  GuardAction private_suffix = GuardAction::kHold;
  GuardAction wide_block = GuardAction::kHold;

  bool operator==(const EntryGuards&) const = default;
};

// What must wait for a person before it is published (docs/security-team.md, "Guards").
struct GuardSettings {
  EntryGuards entries;
  std::string top_sites;       // a file; empty: the built-in list
  size_t top_sites_limit = 0;  // so many of its first names count; 0: all
  // Address blocks of fewer network bits are wide; a block of one address never is.
  unsigned widest_ipv4 = 24;
  unsigned widest_ipv6 = 48;
  std::vector<std::string> warninglists;  // files in MISP's format
  std::vector<std::string> names;         // names and addresses that Cenote itself needs
  // Percent, 0: any, or kLearnt.
  int max_growth = kLearnt;    // by which one list may enlarge a feed
  int max_shrink = kLearnt;    // by which it may lose entries
  int max_rejected = kLearnt;  // of a list's lines, that are rejected

  bool operator==(const GuardSettings&) const = default;
};

// Addresses of a host as those know them whom we ask ourselves; none: nobody knew any. Any thread.
class HostResolver {
 public:
  using Function = std::function<std::vector<IpAddress>(const std::string& host)>;
  HostResolver() = default;
  HostResolver(Function function) : function_(std::move(function)) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const noexcept { return static_cast<bool>(function_); }
  std::vector<IpAddress> operator()(const std::string& host) const { return function_(host); }
  // Settings are compared by what people wrote; this is none of it.
  bool operator==(const HostResolver&) const noexcept { return true; }

 private:
  Function function_;
};

struct IocSettings {
  std::vector<FeedSettings> feeds;
  std::vector<ExceptionSettings> exceptions;
  std::vector<std::string> protect;  // names that no feed may ever block, with everything below and above
  GuardSettings guards;
  std::string state_dir = "/var/lib/cenote";
  HostResolver resolve;        // for downloads; none: the machine's own, which may be this very program
  std::string base_dir = ".";  // what "file:" paths are relative to: the configuration's folder
  // Small changes stand in front of the compiled snapshot until they are so many or the oldest is so old.
  size_t fold_entries = 10'000;
  milliseconds fold_after{10 * 60 * 1000};

  bool operator==(const IocSettings&) const = default;
};

}  // namespace cenote
