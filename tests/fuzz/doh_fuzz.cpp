// DNS over HTTPS, from a connection's bytes to the query: the first byte of the input says whether it is
// HTTP/1.1 or HTTP/2 (whose preface and settings are put before it) and in which pieces it comes. What is
// taken for a query has a header and room; every request gets an answer, and the connection stays within its
// bounds.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "resolver/dns/query_message.h"
#include "resolver/listen/doh_request.h"
#include "resolver/net/http1.h"
#include "resolver/net/http2.h"

using namespace cenote;

namespace {

constexpr std::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 24 + 9);

void require(bool truth) {
  if (!truth) {
    std::abort();
  }
}

class Site final : public HttpSite {
 public:
  size_t body_limit(const HttpRequest&) const override { return kMaxMessageBytes; }
  void serve(HttpRequest, HttpResponder) override { std::abort(); }  // the protocols never call it
};

// As DohService does.
HttpResponse answer(const HttpRequest& request) {
  static std::vector<uint8_t> buffer(kMaxMessageBytes);
  require(request.body.size() <= kMaxMessageBytes);
  const DohQuery query = read_doh_query(request, true, buffer);
  require(query.client_name.empty() || request.path.ends_with(query.client_name));
  if (query.status != 200) {
    return HttpResponse::text(query.status, "no query\n");
  }
  require(query.size >= kHeaderBytes && query.size <= kMaxMessageBytes);
  QueryMessage parsed;
  parse_query(Bytes(buffer).first(query.size), parsed);
  HttpResponse response;
  response.body.assign(as_text(Bytes(buffer).first(query.size)));
  return response;
}

size_t take(HttpProtocol& http) {
  std::string out;
  size_t taken = 0;
  do {
    taken += out.size();
    out.clear();
    http.take_output(out, 1 << 16);
  } while (!out.empty());
  return taken;
}

void talk(HttpProtocol& http, Bytes bytes, size_t piece) {
  take(http);
  while (!bytes.empty() && !http.progress().is_finished) {
    const size_t size = std::min(piece, bytes.size());
    const std::vector<uint8_t> own(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    http.receive(own);
    bytes = bytes.subspan(size);
    while (auto incoming = http.next_request()) {
      http.respond(incoming->id, answer(incoming->request));
      take(http);
    }
    take(http);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  const Site site;
  const HttpLimits limits;
  const size_t piece = bytes[0] / 2 + 1U;
  std::vector<uint8_t> stream;
  if ((bytes[0] & 1) == 0) {
    stream.assign(bytes + 1, bytes + size);
    Http1 http(site, limits, {});
    talk(http, stream, piece);
    return 0;
  }
  stream.assign(kPreface.begin(), kPreface.end());
  stream.insert(stream.end(), bytes + 1, bytes + size);
  Http2 http(site, limits, {});
  talk(http, stream, piece);
  return 0;
}
