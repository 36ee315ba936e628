#include "ioc/feed_compiler.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "ioc/parse.h"
#include "ioc/updater.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kMaxRejectText = 512;

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
  Collector(const FeedSettings& settings, CompiledFeed& out) : settings_(settings), out_(out) {}
  Removed removed;

  void accept(const Indicator& indicator, uint64_t) override {
    if (!removed.holds(indicator)) {
      out_.run.add(indicator, settings_);
    }
  }
  void hold(const Indicator& indicator, uint64_t line, std::string_view reason) override {
    ++out_.held;
    note(line,
         indicator.kind == Indicator::Kind::kName ? indicator.name.to_text() : indicator.prefix.to_text(),
         reason, true);
  }
  void reject(const Reject& reject) override {
    ++out_.rejected;
    note(reject.line, std::string(reject.text.substr(0, kMaxRejectText)), reject.reason, false);
  }

 private:
  void note(uint64_t line, std::string text, std::string_view reason, bool held) {
    if (out_.rows.size() < kMaxRejectRows) {
      out_.rows.push_back({line, std::move(text), std::string(reason), held});
    }
  }

  const FeedSettings& settings_;
  CompiledFeed& out_;
};

// A single line makes no document of these; what is added by hand is a plain name then.
std::string patch_format(const std::string& format) {
  constexpr std::array<std::string_view, 7> kDocuments = {"stix", "misp", "taxii", "json",
                                                          "csv",  "rpz",  "auto"};
  return std::find(kDocuments.begin(), kDocuments.end(), format) != kDocuments.end() ? "plain" : format;
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
  void hold(const Indicator& indicator, uint64_t, std::string_view) override { found = indicator; }
  void reject(const Reject& reject) override { reason = reject.reason; }
  std::optional<Indicator> found;
  std::string reason = "empty";
};

Result<Indicator> read_one(std::string_view text, bool exact, const std::vector<Name>& protect) {
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
  return *sink.found;
}

void add_singles(const std::vector<SingleIndicator>& singles, const FeedSettings& settings,
                 const std::vector<Name>& protect, CompiledFeed& out) {
  for (const SingleIndicator& single : singles) {
    auto indicator = read_one(single.name, single.exact, protect);
    if (!indicator) {
      ++out.held;  // protected since it was added
      out.rows.push_back({0, single.name, "own_domain", true});
      continue;
    }
    indicator->confidence = 100;
    indicator->first_seen = single.added;
    indicator->valid_until = single.until;
    indicator->category = single.category;
    indicator->threat = single.reason;
    indicator->source_ref = single.who;
    out.run.add(*indicator, settings);
  }
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
  CompiledFeed compiled;
  Collector sink(settings, compiled);
  ParseOptions patch_options = *options;
  patch_options.format = patch_format(format);
  if (Result<void> patched = apply_patch(content.patch, patch_options, sink); !patched) {
    return patched.error();
  }
  if (!content.body.empty()) {
    if (Result<void> parsed = parse_feed(content.body, *options, sink); !parsed) {
      return parsed.error();
    }
  }
  add_singles(content.singles, settings, protect, compiled);
  compiled.run.finish();
  return compiled;
}

Result<std::string> canonical_indicator(std::string_view text, bool exact, const std::vector<Name>& protect) {
  auto indicator = read_one(text, exact, protect);
  if (!indicator) {
    return indicator.error();
  }
  return indicator->kind == Indicator::Kind::kName ? indicator->name.to_text() : indicator->prefix.to_text();
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
