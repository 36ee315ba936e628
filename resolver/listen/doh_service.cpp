#include "resolver/listen/doh_service.h"

#include "resolver/base/base64.h"
#include "resolver/base/text.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

constexpr std::string_view kMediaType = "application/dns-message";  // RFC 8484 section 6

HttpResponse refusal(int status) {
  const char* text = status == 404   ? "DNS over HTTPS is served at /dns-query.\n"
                     : status == 405 ? "Ask with GET or POST (RFC 8484 section 4.1).\n"
                     : status == 415 ? "The body must be application/dns-message (RFC 8484 section 4.1).\n"
                     : status == 503 ? "This question is not answered.\n"
                                     : "This is no DNS query (RFC 8484 section 4.1).\n";
  HttpResponse response = HttpResponse::text(status, text);
  if (status == 405) {
    response.headers.emplace_back("allow", "GET, HEAD, POST");
  }
  response.headers.emplace_back("cache-control", "no-store");
  return response;
}

// A media type may carry parameters and any letter case (RFC 9110 section 8.3.1).
bool is_dns_message(std::string_view type) {
  return equal_ignoring_case(trim(type.substr(0, type.find(';'))), kMediaType);
}

// Never longer than the records hold (RFC 8484 section 5.1). Private, for what is answered depends on who
// asks.
HttpResponse response_of(Bytes message) {
  const Rcode rcode = static_cast<Rcode>(message[3] & flag::kRcode);
  const bool holds = rcode == Rcode::kNoError || rcode == Rcode::kNxDomain;
  HttpResponse response;
  response.headers.emplace_back("content-type", kMediaType);
  response.headers.emplace_back("cache-control",
                                fmt::format("private, max-age={}", holds ? lifetime_of(message) : 0));
  response.body.assign(as_text(message));
  return response;
}

}  // namespace

DohService::DohService(Loop& loop, Pipeline& pipeline, HttpLimits limits)
    : pipeline_(pipeline), server_(loop, *this, limits) {}

Result<void> DohService::listen(const SocketAddress& address, const TlsContext* tls, Proxies proxies) {
  return server_.listen(address, tls, {.reuse_port = true}, std::move(proxies));
}

void DohService::stop(milliseconds grace) {
  server_.stop(grace, [] {});
}

size_t DohService::body_limit(const HttpRequest& /*head*/) const {
  return kMaxMessageBytes;
}

// Puts the query into buffer_; returns 200 or the status that says what is wrong.
int DohService::read_query(const HttpRequest& request, size_t& size) noexcept {
  if (request.path != kPath) {
    return 404;
  }
  if (request.method == "POST") {
    if (!is_dns_message(request.header("content-type"))) {
      return 415;
    }
    size = request.body.size();
    std::copy(request.body.begin(), request.body.end(), buffer_.begin());
  } else if (request.method == "GET" || request.method == "HEAD") {
    const auto text = request.parameter("dns");
    const auto decoded = text ? decode_base64url(*text, buffer_) : std::nullopt;
    if (!decoded) {
      return 400;
    }
    size = *decoded;
  } else {
    return 405;
  }
  return size >= kHeaderBytes && (buffer_[2] & (flag::kQr >> 8)) == 0 ? 200 : 400;
}

void DohService::serve(HttpRequest request, HttpResponder responder) {
  size_t size = 0;
  if (const int status = read_query(request, size); status != 200) {
    responder.respond(refusal(status));
    return;
  }
  ReplyPath path;
  path.sink = this;
  path.transport = Transport::kDoh;
  path.peer.client = request.client;
  path.connection = waiting_.insert(std::move(responder));
  const size_t waiting_before = pipeline_.waiting();
  size = pipeline_.on_message(path, buffer_, size);
  if (size != 0) {
    reply(path, Bytes(buffer_).first(size));
  } else if (pipeline_.waiting() == waiting_before) {
    // Silence, by policy: HTTP knows none, and a request that hangs would hold a stream.
    (*waiting_.find(path.connection))->respond(refusal(503));
    waiting_.erase(path.connection);
  }
}

void DohService::reply(const ReplyPath& path, Bytes message) noexcept {
  if (auto* responder = waiting_.find(path.connection)) {
    (*responder)->respond(response_of(message));
    waiting_.erase(path.connection);
  }
}

}  // namespace cenote
