#include "ioc/feed_compiler.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "ioc/content_hash.h"
#include "ioc/durable_file.h"
#include "ioc/incoming_list.h"
#include "ioc/parse.h"
#include "ioc/reason.h"
#include "ioc/updater.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kMaxRejectText = 512;
const Guards kNoGuards;

// Names and blocks as one kind of key.
class Removed {
 public:
  void add(std::string_view text) {
    if (const auto prefix = Prefix::from_text(text)) {
      keys_.insert(prefix->to_text());
    } else if (const auto name = Name::from_text(text)) {
      keys_.emplace(as_text(name->wire()));
    }
  }
  [[nodiscard]] bool holds(const Indicator& indicator) const {
    if (keys_.empty()) {
      return false;
    }
    return keys_.contains(indicator.kind == Indicator::Kind::kName
                              ? std::string(as_text(indicator.name.wire()))
                              : indicator.prefix.to_text());
  }

 private:
  std::unordered_set<std::string> keys_;
};

class Collector final : public FeedSink {
 public:
  Collector(const FeedSettings& settings, const FeedContent& content, CompiledFeed& out)
      : settings_(settings),
        guards_(content.guards == nullptr ? kNoGuards : *content.guards),
        decisions_(content.decisions),
        out_(out) {}
  Removed removed;

  void accept(const Indicator& indicator, uint64_t line) override {
    ++out_.listed;
    if (removed.holds(indicator)) {
      return;
    }
    if (const auto held = guards_.check(indicator, settings_.guards)) {
      decide(indicator, line, *held);
    } else {
      out_.run.add(indicator, settings_);
    }
  }
  void hold(const Indicator& indicator, uint64_t line, std::string_view) override {
    const auto held = guards_.check_private_suffix(settings_.guards);
    if (!held) {
      accept(indicator, line);
      return;
    }
    ++out_.listed;
    if (!removed.holds(indicator)) {
      decide(indicator, line, *held);
    }
  }
  void reject(const Reject& reject) override {
    ++out_.rejected;
    note(
        {reject.line, std::string(reject.text.substr(0, kMaxRejectText)), std::string(reject.reason), false});
  }

 private:
  // A person's word stands; without one the entry waits, or is rejected where nobody is to be asked.
  void decide(const Indicator& indicator, uint64_t line, const Guards::Hold& held) {
    const std::string text =
        indicator.kind == Indicator::Kind::kName ? indicator.name.to_text() : indicator.prefix.to_text();
    const HoldDecision* decision = decisions_.find(indicator);
    if (decision == nullptr) {
      ++(held.is_rejected ? out_.rejected : out_.held);
      out_.refused += held.is_rejected ? 1 : 0;
      note({line, text, std::string(held.reason), !held.is_rejected, hold_scope(indicator), held.why});
    } else if (decision->is_released) {
      out_.run.add(indicator, settings_);
    } else {
      ++out_.rejected;
      ++out_.refused;
      note({line, text, "refused", false, hold_scope(indicator), "refused by " + decision->who});
    }
  }
  void note(RejectRow row) {
    size_t& count = row.held ? held_rows_ : reject_rows_;
    if (count < (row.held ? kMaxHeldRows : kMaxRejectRows)) {
      ++count;
      out_.rows.push_back(std::move(row));
    }
  }

  const FeedSettings& settings_;
  const Guards& guards_;
  const HoldDecisions& decisions_;
  CompiledFeed& out_;
  size_t reject_rows_ = 0;
  size_t held_rows_ = 0;
};

// A single line makes no document of these; what is added by hand is a plain name then.
std::string patch_format(const std::string& format) {
  constexpr std::array<std::string_view, 7> kDocuments = {"stix", "misp", "taxii", "json",
                                                          "csv",  "rpz",  "auto"};
  return is_one_of(format, kDocuments) ? "plain" : format;
}

// Later removals act on what was added before them, so the steps are walked backwards.
Result<void> apply_patch(const std::vector<PatchStep>& patch, const ParseOptions& options, Collector& sink) {
  for (size_t end = patch.size(); end > 0;) {
    if (!patch[end - 1].adds) {
      sink.removed.add(patch[end - 1].text);
      --end;
      continue;
    }
    size_t begin = end;
    while (begin > 0 && patch[begin - 1].adds) {
      --begin;
    }
    std::string lines;
    for (size_t i = begin; i < end; ++i) {
      lines += patch[i].text + '\n';
    }
    if (Result<void> parsed = parse_feed(lines, options, sink); !parsed) {
      return parsed.error().within("patch");
    }
    end = begin;
  }
  return {};
}

// The one entry that a line holds; held ones count, for a person wrote it.
class OneIndicator final : public FeedSink {
 public:
  void accept(const Indicator& indicator, uint64_t) override { found = indicator; }
  void hold(const Indicator& indicator, uint64_t, std::string_view) override {
    found = indicator;
    is_private_suffix = true;
  }
  void reject(const Reject& reject) override { reason = reject.reason; }
  std::optional<Indicator> found;
  bool is_private_suffix = false;  // with everything below
  std::string reason = "empty";
};

struct OneRead {
  Indicator indicator;
  bool is_private_suffix;
};

Result<OneRead> read_one(std::string_view text, bool exact, const std::vector<Name>& protect) {
  ParseOptions options;
  options.format = "plain";
  options.scope = exact ? Scope::kExact : Scope::kSuffix;
  options.own = protect;
  OneIndicator sink;
  if (Result<void> parsed = parse_feed(text, options, sink); !parsed) {
    return parsed.error();
  }
  if (!sink.found) {
    return fail("{}: {}", printable(text), sink.reason);
  }
  return OneRead{*sink.found, sink.is_private_suffix};
}

void add_singles(const std::vector<SingleIndicator>& singles, const FeedSettings& settings,
                 const std::vector<Name>& protect, CompiledFeed& out) {
  for (const SingleIndicator& single : singles) {
    auto read = read_one(single.name, single.exact, protect);
    if (!read) {
      ++out.held;  // protected since it was added
      out.rows.push_back({0, single.name, "own_domain", true, single.exact ? "exact" : "suffix",
                          "added by hand before it was protected"});
      continue;
    }
    Indicator* indicator = &read->indicator;
    indicator->origin = Origin::kByHand;
    indicator->confidence = 100;
    indicator->first_seen = single.added;
    indicator->valid_until = single.until;
    indicator->category = single.category;
    indicator->threat = single.reason;
    indicator->source_ref = single.who;
    out.run.add(*indicator, settings);
  }
}

// In pieces, so that a list of any size costs the same. An empty list is one of no entries, in any format.
Result<void> parse_list(const FeedContent& content, const ParseOptions& options, Collector& sink) {
  auto parser = make_parser(options, sink);
  if (!parser) {
    return parser.error();
  }
  ContentHash hash;
  bool is_empty = true;
  Result<void> parsed = read_pieces(content.file, kMostIncomingBytes, [&](Bytes piece) {
    is_empty = false;
    hash.add(piece);
    return (*parser)->feed(piece);
  });
  if (parsed && !is_empty) {
    parsed = (*parser)->finish();
  }
  return parsed && hash.id() != content.id ? fail("{}: damaged", content.file) : parsed;
}

}  // namespace

std::string write_patch(const std::vector<PatchStep>& steps) {
  std::string text;
  for (const PatchStep& step : steps) {
    std::string line = (step.adds ? '+' : '-') + step.text;
    std::replace(line.begin(), line.end(), '\n', ' ');
    text += line + '\n';
  }
  return text;
}

std::vector<PatchStep> read_patch(std::string_view text) {
  std::vector<PatchStep> steps;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) {
      steps.push_back({line.front() == '+', std::string(line.substr(1))});
    }
  }
  return steps;
}

Result<CompiledFeed> compile_feed(const FeedSettings& settings, const std::vector<Name>& protect,
                                  const FeedContent& content) {
  const std::string& format = content.format.empty() ? settings.format : content.format;
  auto options = read_parse_options(format, settings.options);
  if (!options) {
    return options.error();
  }
  options->own = protect;
  CompiledFeed compiled{.run = FeedRun(content.folder), .rows = {}};
  Collector sink(settings, content, compiled);
  ParseOptions patch_options = *options;
  patch_options.format = patch_format(format);
  patch_options.encoding.clear();  // it came as JSON, whatever the feed's lists come in
  if (Result<void> patched = apply_patch(content.patch, patch_options, sink); !patched) {
    return patched.error();
  }
  compiled.listed = 0;  // those were the patches'
  if (!content.file.empty()) {
    if (Result<void> parsed = parse_list(content, *options, sink); !parsed) {
      return parsed.error();
    }
  }
  add_singles(content.singles, settings, protect, compiled);
  compiled.run.finish();
  if (!compiled.run.is_whole()) {
    return fail("{}: no room to sort the list", content.folder);
  }
  return compiled;
}

Result<std::string> canonical_indicator(std::string_view text, bool exact, const std::vector<Name>& protect) {
  auto read = read_one(text, exact, protect);
  if (!read) {
    return read.error();
  }
  const Indicator& found = read->indicator;
  return found.kind == Indicator::Kind::kName ? found.name.to_text() : found.prefix.to_text();
}

std::optional<Guards::Hold> guard_single(const SingleIndicator& single, const std::vector<Name>& protect,
                                         const Guards& guards, const FeedGuards& feed) {
  const auto read = read_one(single.name, single.exact, protect);
  if (!read) {
    return std::nullopt;  // not a hold: it cannot be listed at all
  }
  auto held = read->is_private_suffix ? guards.check_private_suffix(feed) : std::nullopt;
  return held ? held : guards.check(read->indicator, feed);
}

FeedRun compile_exceptions(const std::vector<ExceptionSettings>& exceptions) {
  FeedSettings settings;
  settings.name = kExceptionsFeed;
  settings.category = "exception";
  settings.confidence = 100;
  FeedRun run;
  for (const ExceptionSettings& exception : exceptions) {
    Indicator indicator;
    indicator.allow = true;
    indicator.origin = Origin::kByHand;
    indicator.scope = exception.exact ? Scope::kExact : Scope::kSuffix;
    indicator.valid_until = exception.until;
    indicator.note = exception.reason;
    indicator.source_ref = exception.client;
    if (const auto prefix = Prefix::from_text(exception.name)) {
      indicator.kind = Indicator::Kind::kAddress;
      indicator.prefix = *prefix;
    } else if (const auto name = Name::from_text(exception.name)) {
      indicator.name = *name;
    } else {
      continue;
    }
    run.add(indicator, settings);
  }
  run.finish();
  return run;
}

}  // namespace cenote
