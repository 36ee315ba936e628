#include "resolver/listen/doh_service.h"

#include <fmt/format.h>

#include "resolver/dns/records.h"
#include "resolver/listen/doh_request.h"

namespace cenote {
namespace {

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

// Never longer than the records hold (RFC 8484 section 5.1). Private, for what is answered depends on who
// asks.
HttpResponse response_of(Bytes message) {
  const Rcode rcode = static_cast<Rcode>(message[3] & flag::kRcode);
  const bool holds = rcode == Rcode::kNoError || rcode == Rcode::kNxDomain;
  HttpResponse response;
  response.headers.emplace_back("content-type", kDnsMediaType);
  response.headers.emplace_back("cache-control",
                                fmt::format("private, max-age={}", holds ? lifetime_of(message) : 0));
  response.body.assign(as_text(message));
  return response;
}

}  // namespace

DohService::DohService(Loop& loop, Pipeline& pipeline, HttpLimits limits,
                       std::shared_ptr<ClientPlaces> places)
    : pipeline_(pipeline), server_(loop, *this, limits, std::move(places)) {}

Result<void> DohService::listen(const SocketAddress& address, const TlsContext* tls, Proxies proxies) {
  return server_.listen(address, tls, {.reuse_port = true}, std::move(proxies));
}

void DohService::stop(milliseconds grace) {
  server_.stop(grace, [] {});
}

size_t DohService::body_limit(const HttpRequest& /*head*/) const {
  return kMaxMessageBytes;
}

void DohService::serve(HttpRequest request, HttpResponder responder) {
  const DohQuery query = read_doh_query(request, names_by_path_, buffer_);
  if (query.status != 200) {
    responder.respond(refusal(query.status));
    return;
  }
  ReplyPath path;
  path.sink = this;
  path.transport = Transport::kDoh;
  path.peer.client = request.client;
  path.client_name = ClientName(query.client_name);
  path.connection = waiting_.insert(std::move(responder));
  const uint64_t promised_before = pipeline_.promised();
  const size_t size = pipeline_.on_message(path, buffer_, query.size);
  if (size != 0 || pipeline_.promised() == promised_before) {
    reply(path, Bytes(buffer_).first(size));
    return;
  }
  (*waiting_.find(path.connection))
      ->when_gone([this, connection = path.connection, promise = pipeline_.last_promise()] {
        ReplyPath gone;
        gone.sink = this;
        gone.connection = connection;
        waiting_.erase(connection);
        pipeline_.abandon(gone, {promise});
      });
}

// Where policy wants silence HTTP knows none: a request that hangs would hold a stream.
void DohService::reply(const ReplyPath& path, Bytes message) noexcept {
  if (auto* responder = waiting_.find(path.connection)) {
    (*responder)->respond(message.empty() ? refusal(503) : response_of(message));
    waiting_.erase(path.connection);
  }
}

}  // namespace cenote
