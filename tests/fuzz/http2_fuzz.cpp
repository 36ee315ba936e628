// Any bytes behind the preface of an HTTP/2 connection, in pieces of a size that the first byte says: what
// reaches the site must hold what the site may rely on, and nothing that a peer sends leaves us with more
// than the bounds.
#include <string>

#include "resolver/net/http2.h"

namespace {

constexpr size_t kBodyLimit = 1000;
constexpr size_t kHeldBytes = 3000;

class Site final : public cenote::HttpSite {
 public:
  size_t body_limit(const cenote::HttpRequest&) const override { return kBodyLimit; }
  void serve(cenote::HttpRequest, cenote::HttpResponder) override {
    __builtin_trap();
  }  // Http2 itself never calls it
};

void check(bool holds) {
  if (!holds) {
    __builtin_trap();
  }
}

// Each second request gets a body that is written bit by bit, every third one no answer at all.
class Talk {
 public:
  void take(cenote::Bytes piece) {
    http_.receive(piece, cenote::MonoTime{} + cenote::seconds{1});
    serve();
    std::string output;
    http_.take_output(output, 64 * 1024);
    serve();
    check(http_.progress().requests >= requests_);
  }

 private:
  void serve() {
    while (auto incoming = http_.next_request()) {
      const cenote::HttpRequest& request = incoming->request;
      check(!request.method.empty() && !request.path.empty());
      check(request.body.size() <= kBodyLimit);
      check(request.host.find_first_of(" /<>\r\n") == std::string::npos);
      ++requests_;
      if (requests_ % 3 == 0) {
        continue;
      }
      if (requests_ % 2 == 0) {
        http_.start(incoming->id, cenote::HttpResponse::text(200, ""));
        (void)http_.write(incoming->id, request.path);
        http_.finish(incoming->id);
      } else {
        http_.respond(incoming->id, cenote::HttpResponse::text(200, request.body));
      }
    }
  }

  const Site site_{};
  const cenote::HttpLimits limits_ = [] {
    cenote::HttpLimits limits;
    limits.header_bytes = 500;
    limits.streams = 10;
    return limits;
  }();
  cenote::HeldBodies held_{kHeldBytes, kHeldBytes};
  cenote::Http2 http_{site_, limits_, {}, &held_};
  uint64_t requests_ = 0;
};

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string stream(kPreface);
  stream.append(reinterpret_cast<const char*>(bytes + 1), size - 1);
  const size_t piece = bytes[0] == 0 ? SIZE_MAX : bytes[0];
  Talk talk;
  for (size_t at = 0; at < stream.size(); at += std::min(piece, stream.size() - at)) {
    const std::string own = stream.substr(at, piece);  // so that a read beyond it shows
    talk.take(cenote::as_bytes(own));
  }
  return 0;
}
