#include "resolver/net/http_server.h"

#include <algorithm>

#include "resolver/base/log.h"
#include "resolver/net/http_connection.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// Deadlines are looked at this often: fine enough for the shortest of them, and at most once a second.
milliseconds tick_for(const HttpLimits& limits) {
  const milliseconds shortest =
      std::min({limits.handshake, limits.header, limits.idle, limits.linger, limits.grace});
  return std::clamp(shortest / 4, milliseconds{10}, milliseconds{1000});
}

}  // namespace

HttpServer::HttpServer(Loop& loop, HttpSite& site, HttpLimits limits, std::shared_ptr<ClientPlaces> places)
    : loop_(loop),
      site_(site),
      limits_(limits),
      places_(places ? std::move(places)
                     : ClientPlaces::make(ClientPlaces::Limits{
                           limits.connections_per_client, limits.handshakes_per_second, limits.connections})),
      handshakes_(loop, *places_),
      held_bodies_(limits.held_bytes, limits.held_bytes_per_client),
      sweeper_(loop, [this] { sweep(); }),
      tick_(tick_for(limits)) {}

HttpServer::~HttpServer() = default;

Result<void> HttpServer::listen(const SocketAddress& address, const TlsContext* tls, ListenOptions options,
                                Proxies proxies) {
  auto listener = StreamListener::listen(loop_, address, *this, options);
  if (!listener) {
    return listener.error();
  }
  listeners_.push_back({std::move(*listener), tls, false, std::move(proxies)});
  return {};
}

Result<void> HttpServer::listen(const std::string& unix_path) {
  auto listener = StreamListener::listen(loop_, unix_path, *this);
  if (!listener) {
    return listener.error();
  }
  listeners_.push_back({std::move(*listener), nullptr, true, {}});
  return {};
}

std::vector<SocketAddress> HttpServer::local() const {
  std::vector<SocketAddress> addresses;
  for (const Listening& one : listeners_) {
    if (!one.is_unix) {
      addresses.push_back(one.listener->local());
    }
  }
  return addresses;
}

void HttpServer::on_stream(StreamListener& from, std::unique_ptr<Stream> stream) {
  const auto where = std::find_if(listeners_.begin(), listeners_.end(),
                                  [&from](const Listening& one) { return one.listener.get() == &from; });
  if (!where->is_unix && stream->peer().port() == 0) {
    return;  // It was reset before it was accepted, and nobody knows whose it was.
  }
  // All Unix streams share one "address", and the file's mode says who they are. A proxy's client is counted
  // when it is known.
  const bool is_proxy = !where->is_unix && where->proxies.include(stream->peer().address());
  Place place = where->is_unix || is_proxy ? places_->take_unnamed(loop_, loop_.now())
                                           : places_->take(stream->peer().address(), loop_, loop_.now());
  if (!place.is_taken()) {
    counters_.refused_connections.add();
    return;
  }
  if (!sweeper_.is_active()) {
    sweeper_.start(tick_, tick_);
  }
  connections_.emplace_front(*this, std::move(stream), std::move(place), where->tls, is_proxy);
  connections_.front().self_ = connections_.begin();
  counters_.connections.add();
  counters_.open_connections.set(connections_.size());
}

void HttpServer::forget(HttpConnection& connection) {
  connections_.erase(connection.self_);
  counters_.open_connections.set(connections_.size());
}

void HttpServer::sweep() {
  const MonoTime now = loop_.now();
  const bool is_stopping = on_stopped_ != nullptr;
  const bool time_is_up = is_stopping && now >= stop_deadline_;
  for (auto next = connections_.begin(); next != connections_.end();) {
    HttpConnection& connection = *next++;
    if (time_is_up || connection.is_over(now) || (is_stopping && !connection.is_busy())) {
      forget(connection);
    }
  }
  if (!connections_.empty()) {
    return;
  }
  sweeper_.stop();
  if (on_stopped_ != nullptr) {
    loop_.post(std::exchange(on_stopped_, nullptr));
  }
}

void HttpServer::set_times(milliseconds first_request, milliseconds idle) noexcept {
  limits_.first_request = first_request;
  limits_.idle = idle;
}

bool HttpServer::is_busy() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const HttpConnection& one) { return one.is_busy(); });
}

void HttpServer::note_want_of_memory() noexcept {
  constexpr seconds kBetweenLines{10};
  counters_.out_of_memory.add();
  if (const MonoTime now = loop_.now(); now - want_told_ >= kBetweenLines) {
    want_told_ = now;
    log::error("HTTP: no memory was left for a request; {} so far", counters_.out_of_memory.value());
  }
}

void HttpServer::stop(milliseconds grace, std::function<void()> on_stopped) {
  listeners_.clear();
  on_stopped_ = std::move(on_stopped);
  stop_deadline_ = loop_.now() + grace;
  for (HttpConnection& connection : connections_) {
    connection.go_away();
  }
  sweeper_.start(milliseconds{0}, milliseconds{10});
}

}  // namespace cenote
