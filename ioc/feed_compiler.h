// From a feed's bytes to its run: parse, normalise, take out and put in what people changed by hand, and note
// what was refused. Decides nothing about whether the result may be published.
//
// Threads: one, the updater's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ioc/feed_run.h"
#include "ioc/feed_status.h"
#include "ioc/guards.h"
#include "ioc/hold_decisions.h"
#include "resolver/base/result.h"

namespace cenote {

// What was added to and removed from a feed since its content came, in order.
struct PatchStep {
  bool adds = false;
  std::string text;  // a line of the feed's format, or a name or address to remove
};
std::string write_patch(const std::vector<PatchStep>& steps);
std::vector<PatchStep> read_patch(std::string_view text);

struct FeedContent {
  std::string file;    // the list; empty: none has come yet
  std::string id;      // its content's; another one is a damaged file
  std::string format;  // empty: the feed's own
  std::vector<PatchStep> patch;
  std::vector<SingleIndicator> singles;
  const Guards* guards = nullptr;  // none: only what public suffixes tell is held
  HoldDecisions decisions{};
  std::string folder;  // for what takes much room; empty: memory has it
};

struct CompiledFeed {
  FeedRun run;          // finish()ed
  uint64_t listed = 0;  // good lines of the list, whatever became of them
  uint64_t rejected = 0;
  uint64_t refused = 0;  // of these the good ones that a guard or a person turned away
  uint64_t held = 0;
  std::vector<RejectRow> rows;  // the first kMaxRejectRows rejected and kMaxHeldRows held ones
};
constexpr size_t kMaxRejectRows = 1000;
constexpr size_t kMaxHeldRows = 10'000;  // more in one feed are no slips: whoever pushes it must look

// An error refuses the feed as a whole. `protect`: names that may not be listed.
Result<CompiledFeed> compile_feed(const FeedSettings& settings, const std::vector<Name>& protect,
                                  const FeedContent& content);

// One name or address as a person writes it, in canonical form; an error says why it cannot be listed.
Result<std::string> canonical_indicator(std::string_view text, bool exact, const std::vector<Name>& protect);
// Why a guard would hold what a person is about to list in that feed; nullopt: it may act.
std::optional<Guards::Hold> guard_single(const SingleIndicator& indicator, const std::vector<Name>& protect,
                                         const Guards& guards, const FeedGuards& feed);

// The allow entries of exceptions, as a feed of their own. One whose name cannot be read is left out.
FeedRun compile_exceptions(const std::vector<ExceptionSettings>& exceptions);

}  // namespace cenote
