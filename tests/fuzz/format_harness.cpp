#include "tests/fuzz/format_harness.h"

#include <cstdlib>

#include "ioc/normalise.h"
#include "tests/support/feed_outcome.h"

namespace cenote::test {
namespace {

class CheckingSink : public OutcomeSink {
 public:
  void accept(const Indicator& indicator, uint64_t line) override {
    OutcomeSink::accept(indicator, line);
    HostName host;
    const bool is_name = indicator.kind == Indicator::Kind::kName;
    const bool good = is_name ? canonical_name(indicator.name.to_text(), host) == Reason::kNone &&
                                    check_name(host) == Reason::kNone && host.name == indicator.name
                              : is_global(indicator.prefix.address);
    if (!good) {
      std::abort();
    }
  }
};

std::string read(const ParseOptions& options, std::string_view body, size_t piece) {
  CheckingSink sink;
  auto parser = make_parser(options, sink);
  if (!parser) {
    return {};
  }
  Result<void> ok;
  while (!body.empty() && ok) {
    ok = (*parser)->feed(as_bytes(body.substr(0, piece)));
    body.remove_prefix(std::min(piece, body.size()));
  }
  if (ok) {
    ok = (*parser)->finish();
  }
  return ok ? sink.text : "refused";
}

}  // namespace

int fuzz_format(std::string_view format, const uint8_t* bytes, size_t size) {
  ParseOptions options;
  options.format = format;
  options.max_inflated = 1 << 20;
  const std::string_view body = as_text({bytes, size});
  if (read(options, body, SIZE_MAX) != read(options, body, 13)) {
    std::abort();
  }
  return 0;
}

}  // namespace cenote::test
