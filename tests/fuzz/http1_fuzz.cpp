// Requests and responses must be the same however the bytes are split: the first byte of the input says how.
// What reaches the site must hold what the site may rely on.
#include <cstdlib>
#include <string>

#include "resolver/net/http1.h"

namespace {

constexpr size_t kBodyLimit = 1000;

class Site final : public cenote::HttpSite {
 public:
  size_t body_limit(const cenote::HttpRequest&) const override { return kBodyLimit; }
  void serve(cenote::HttpRequest, cenote::HttpResponder) override {
    std::abort();
  }  // Http1 itself never calls it
};

void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

std::string talk(cenote::Bytes bytes, size_t piece) {
  const Site site;
  cenote::HttpLimits limits;
  limits.header_bytes = 500;
  cenote::Http1 http(site, limits, {});
  std::string said;
  while (!bytes.empty()) {
    const size_t size = std::min(piece, bytes.size());
    const std::vector<uint8_t> own(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    http.receive(own);
    bytes = bytes.subspan(size);
    while (auto incoming = http.next_request()) {
      const cenote::HttpRequest& request = incoming->request;
      check(!request.method.empty() && !request.path.empty());
      check(request.body.size() <= kBodyLimit);
      check(request.host.find_first_of(" /<>\r\n") == std::string::npos);
      said += request.method + ' ' + request.path + '?' + request.query + ' ' + request.host + ' ' +
              request.body + '\n';
      http.respond(incoming->id, cenote::HttpResponse::text(200, request.path));
      http.take_output(said, SIZE_MAX);
    }
    // Whether a client is told to go on depends on what has come with the head.
    std::string output;
    http.take_output(output, SIZE_MAX);
    said += output == "HTTP/1.1 100 Continue\r\n\r\n" ? "" : output;
  }
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  const cenote::Bytes stream{bytes + 1, size - 1};
  check(talk(stream, bytes[0] + 1U) == talk(stream, SIZE_MAX));
  return 0;
}
