// What becomes of a few lines of a feed, in one line of text, so that a test is one comparison: accepted
// entries as in `cenote feed check --list`, "! reason" for a reject, "? entry reason" for a hold, "refused:
// word" for a whole feed.
#pragma once

#include <string>
#include <string_view>

#include "ioc/feed_report.h"

namespace cenote::test {

class OutcomeSink : public FeedSink {
 public:
  void accept(const Indicator& indicator, uint64_t) override { add(format_entry(indicator)); }
  void hold(const Indicator& indicator, uint64_t, std::string_view reason) override {
    add("? " + format_entry(indicator) + " " + std::string(reason));
  }
  void reject(const Reject& reject) override { add("! " + std::string(reject.reason)); }

  std::string text;

 private:
  void add(const std::string& part) { text += (text.empty() ? "" : ", ") + part; }
};

// Fed in pieces of `piece` bytes: where a chunk ends must change nothing.
inline std::string read_feed(const ParseOptions& options, std::string_view body, size_t piece = SIZE_MAX) {
  OutcomeSink sink;
  auto parser = make_parser(options, sink);
  if (!parser) {
    return "refused: " + parser.error().message;
  }
  Result<void> ok;
  while (!body.empty() && ok) {
    ok = (*parser)->feed(as_bytes(body.substr(0, piece)));
    body.remove_prefix(std::min(piece, body.size()));
  }
  if (ok) {
    ok = (*parser)->finish();
  }
  return ok ? sink.text : "refused: " + ok.error().message.substr(0, ok.error().message.find(':'));
}

inline std::string read_feed(std::string_view format, std::string_view body,
                             const std::map<std::string, std::string>& options = {}) {
  const auto parsed = read_parse_options(std::string(format), options);
  return parsed ? read_feed(*parsed, body) : "refused: " + parsed.error().message;
}

}  // namespace cenote::test
