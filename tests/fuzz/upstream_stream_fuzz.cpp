// What a server sends over TCP, TLS or HTTPS: the first byte of the input says how it travels and in which
// pieces. Framed messages must be the same however the bytes are split; what is taken for an answer is one,
// and goes the way of answers.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "resolver/dns/scrub.h"
#include "resolver/upstream/carrier.h"
#include "resolver/upstream/transport.h"

using namespace cenote;

namespace {

void require(bool truth) {
  if (!truth) {
    std::abort();
  }
}

struct Asked {
  UpstreamQuestion question{*Name::from_text("www.example.com"), rrtype::kA, false, false};
  std::array<uint8_t, kMaxQueryBytes> bytes{};
  size_t size = write_query(bytes, question, 0x1234);
};

// As StreamTransport does with each.
void follow(Bytes message, const Asked& asked) {
  static Random random;
  static Echo echo(true, true, random);
  if (message.empty() || !is_reply_to(message, asked.question)) {
    return;
  }
  require(message.size() >= kHeaderBytes && message.size() <= kMaxMessageBytes);
  echo.learn(message, asked.question.name, {});
  find_edns_option(message, edns_option::kTcpKeepalive);
  ScrubbedResponse out;
  scrub_response(message, asked.question.dnssec_ok, out);
}

std::string receive(Carrier& carrier, Bytes bytes, size_t piece, const Asked& asked) {
  std::string arrived;
  std::string out;
  bool goes_on = true;
  while (!bytes.empty() && goes_on) {
    const size_t size = std::min(piece, bytes.size());
    const std::vector<uint8_t> own(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    goes_on = carrier.receive(own, out);
    while (const auto each = carrier.next()) {
      follow(each->message, asked);
      arrived.append(as_text(each->message)).push_back('|');
    }
    bytes = bytes.subspan(size);
  }
  return arrived;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  static const Asked asked;
  const Bytes stream(bytes + 1, size - 1);
  const size_t piece = bytes[0] / 2 + 1U;
  if ((bytes[0] & 1) == 0) {
    const auto in_pieces = make_frame_carrier();
    const auto at_once = make_frame_carrier();
    require(receive(*in_pieces, stream, piece, asked) == receive(*at_once, stream, SIZE_MAX, asked));
    return 0;
  }
  const auto http = make_http_carrier("dns.example", "/dns-query");
  std::string out;
  http->begin(out);
  for (int i = 0; i < 3; ++i) {
    http->send(Bytes(asked.bytes).first(asked.size), out);
  }
  receive(*http, stream, piece, asked);
  return 0;
}
