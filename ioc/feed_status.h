// What the control API shows of feeds, generations and changes: plain values, copied out of the updater.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ioc/feed.h"
#include "ioc/size_guard.h"

namespace cenote {

class Snapshot;

// One line of a feed that was not taken: refused, or held back for a person to look at.
struct RejectRow {
  uint64_t line = 0;   // 0: not tied to a line
  std::string text;    // what stood there, cut; not yet printable()
  std::string reason;  // "label_too_long", "icann_suffix", "top_site", ...
  bool held = false;
  std::string scope{};  // held: "exact", "suffix", "below" or "address"
  std::string why{};    // held: for people
};

// A whole change that a guard keeps back: a list that shrank or grew too much, or came back empty.
struct HeldChange {
  std::string feed;
  std::string guard;  // "shrink", "growth", "empty", "rejected"
  std::string why;    // for people
  std::string what;   // "push c2-intel", "fetch c2-intel"
  std::string who;
  WallTime time{};
  uint64_t entries = 0;         // it would have
  uint64_t entries_before = 0;  // that are in force
};

// Everything that waits for a person.
struct Held {
  struct Entry {
    std::string feed;
    RejectRow row;
  };
  std::vector<Entry> entries;
  std::vector<HeldChange> changes;
};

// What a person says about what is held in one feed.
struct HoldVerdict {
  std::string feed;
  bool releases = false;           // else it is refused
  std::vector<std::string> names;  // as they are listed; empty: see below
  bool all = false;                // every entry that is held
  bool change = false;             // the change that is held
  std::string reason;
  std::string who;
};

// A name seen in recent traffic that a change would treat otherwise.
struct TrafficChange {
  std::string name;
  Action before = Action::kPass;
  Action after = Action::kPass;
  uint64_t clients = 0;  // at least: who was answered from the cache alone is not counted
};

// What one change (push, patch, fetch, rollback, single indicator) did or would do.
struct ChangeResult {
  bool accepted = false;
  std::string error;        // one line, when it was not accepted
  uint64_t generation = 0;  // in force after it
  uint64_t added = 0;       // entries, compared with what the feed had before
  uint64_t removed = 0;
  uint64_t unchanged = 0;
  uint64_t rejected = 0;
  uint64_t held = 0;
  std::vector<RejectRow> first_rejects;  // at most kFirstRejects
  std::vector<std::string> first_added;  // of a dry run: "S evil.example", the first kDeltaNames
  std::vector<std::string> first_removed;
  std::shared_ptr<const Snapshot> candidate;  // of a dry run: what would be in force
  std::vector<TrafficChange> traffic;         // of a dry run, most clients first
  std::optional<HeldChange> held_change;      // why all of it waits; then it was not accepted
};
constexpr size_t kFirstRejects = 20;

struct FeedStatus {
  std::string name;
  std::string source;       // as configured
  milliseconds refresh{0};  // how often it is fetched, where it is
  std::string format;
  std::string category;
  Action action = Action::kSinkhole;
  uint64_t entries = 0;  // in force now
  uint64_t rejected = 0;
  uint64_t held = 0;
  uint64_t generation = 0;               // in which its content last changed; 0: never had any
  std::optional<WallTime> last_success;  // last good fetch or push, also an unchanged one
  std::optional<WallTime> last_attempt;
  std::string last_error;             // empty: the last attempt was good
  std::optional<WallTime> trial_end;  // on trial: it only monitors, and may be promoted after this
  std::string who;                    // token or source of the content in force
  SizeLimits limits;                  // of its next list
};

// What is known of damage to state_dir.
struct StateHealth {
  std::vector<std::string> losses;  // what this process's start found missing or damaged, for people
  uint64_t set_aside = 0;           // files that starts left for a person to look at
  uint64_t audit_waiting = 0;       // entries of the record of changes that could not be written yet
};

struct GenerationRecord {
  uint64_t number = 0;
  WallTime made{};
  std::string what;  // "push c2-intel", "rollback to 12", "exception partner.example"
  std::string who;
  uint64_t names = 0;
  uint64_t addresses = 0;
  bool current = false;
  bool can_roll_back = false;  // its inputs are still kept
};

// An indicator that a person added by hand; it stays over whole-list pushes of its feed.
struct SingleIndicator {
  std::string feed;
  std::string name;  // a name, or an address or prefix
  bool exact = false;
  std::string category;  // empty: the feed's
  std::string reason;
  std::optional<WallTime> until;  // exclusive
  std::string who;
  WallTime added{};
  bool force = false;  // a guard's hold is known and meant; said when it is added, not kept
};

struct ExceptionRecord {
  ExceptionSettings exception;
  std::string who;  // "configuration" when it stands there
  WallTime added{};
};

}  // namespace cenote
