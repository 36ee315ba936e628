// Every feed format: the first line of the input names the format, the rest is the feed. Reading it in one
// piece and in small pieces must come to the same, and no entry may leave that the guards would refuse.
#include <cstdlib>

#include "ioc/normalise.h"
#include "tests/support/feed_outcome.h"

namespace {

class CheckingSink : public cenote::test::OutcomeSink {
 public:
  void accept(const cenote::Indicator& indicator, uint64_t line) override {
    OutcomeSink::accept(indicator, line);
    cenote::HostName host;
    const bool is_name = indicator.kind == cenote::Indicator::Kind::kName;
    const bool good = is_name ? canonical_name(indicator.name.to_text(), host) == cenote::Reason::kNone &&
                                    check_name(host) == cenote::Reason::kNone && host.name == indicator.name
                              : is_global(indicator.prefix.address);
    if (!good) {
      std::abort();
    }
  }
};

std::string read(const cenote::ParseOptions& options, std::string_view body, size_t piece) {
  CheckingSink sink;
  auto parser = make_parser(options, sink);
  if (!parser) {
    return {};
  }
  cenote::Result<void> ok;
  while (!body.empty() && ok) {
    ok = (*parser)->feed(cenote::as_bytes(body.substr(0, piece)));
    body.remove_prefix(std::min(piece, body.size()));
  }
  if (ok) {
    ok = (*parser)->finish();
  }
  return ok ? sink.text : "refused";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view input = cenote::as_text({bytes, size});
  const size_t end = std::min(input.find('\n'), input.size());
  cenote::ParseOptions options;
  options.format = input.substr(0, end);
  options.max_inflated = 1 << 20;
  const std::string_view body = input.substr(std::min(end + 1, input.size()));
  if (read(options, body, SIZE_MAX) != read(options, body, 13)) {
    std::abort();
  }
  return 0;
}
