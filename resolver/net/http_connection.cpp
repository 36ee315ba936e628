#include "resolver/net/http_connection.h"

#include <algorithm>

#include "resolver/base/log.h"
#include "resolver/net/http1.h"
#include "resolver/net/http2.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// A request counts as so many bytes where a turn of the loop is shared: each may cost as much as a page.
constexpr size_t kBytesPerRequest = 1024;
// A body or a response that moves at this rate is in good use, in bytes a second.
constexpr uint64_t kUsefulRate = 4096;

}  // namespace

// A request's way back. Outlives the connection when the site is slower than the client is patient.
class HttpExchange final : public HttpResponder::Exchange {
 public:
  HttpExchange(HttpConnection& connection, uint32_t id) : connection_(&connection), id_(id) {
    connection.exchanges_.push_back(this);
  }
  ~HttpExchange() override {
    if (is_open()) {
      connection_->survive([&] {
        if (has_started_) {
          connection_->protocol_->abort(id_);
        } else {
          connection_->protocol_->respond(id_, dated(error_response(500)));
        }
        connection_->advance();
      });
    }
    if (connection_ != nullptr) {
      std::erase(connection_->exchanges_, this);
    }
  }
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  void respond(HttpResponse response) override {
    if (is_open() && !has_started_) {
      connection_->survive([&] {
        connection_->protocol_->respond(id_, dated(std::move(response)));
        connection_->advance();
      });
    }
  }
  void start(HttpResponse head) override {
    if (is_open() && !has_started_) {
      has_started_ = true;
      connection_->survive([&] {
        connection_->protocol_->start(id_, dated(std::move(head)));
        connection_->advance();
      });
    }
  }
  void write(std::string chunk) override {
    if (!is_open() || !has_started_) {
      return;
    }
    connection_->survive([&] {
      if (connection_->protocol_->write(id_, chunk)) {
        connection_->advance();
      } else {
        connection_->cut_slow_reader();
      }
    });
  }
  void finish() override {
    if (is_open() && has_started_) {
      connection_->survive([&] {
        connection_->protocol_->finish(id_);
        connection_->advance();
      });
    }
  }
  [[nodiscard]] bool is_open() const override {
    return connection_ != nullptr && !connection_->is_aborted_ && connection_->protocol_->is_open(id_);
  }

  [[nodiscard]] bool is_streamed() const { return is_open() && has_started_; }

  [[nodiscard]] size_t unsent() const override {
    return connection_ == nullptr || connection_->is_aborted_
               ? 0
               : connection_->protocol_->unsent(id_) + connection_->stream_->pending_bytes();
  }

  void when_gone(std::function<void()> told) override { told_ = std::move(told); }

  // May end with this object gone.
  void leave() {
    connection_ = nullptr;
    if (const auto told = std::exchange(told_, nullptr)) {
      told();
    }
  }

 private:
  static HttpResponse dated(HttpResponse response) {
    response.headers.emplace_back("date", http_date(wall_now()));
    return response;
  }

  HttpConnection* connection_;
  uint32_t id_;
  std::function<void()> told_;  // when the connection goes
  bool has_started_ = false;
};

HttpConnection::HttpConnection(HttpServer& server, std::unique_ptr<Stream> stream, Place place,
                               const TlsContext* tls, bool is_proxy)
    : server_(server),
      stream_(std::move(stream)),
      place_(std::move(place)),
      tls_(tls),
      client_(stream_->peer()),
      opening_(is_proxy         ? Opening::kHeader
               : tls != nullptr ? Opening::kHello
                                : Opening::kNone),
      goes_on_(server.loop_, &HttpConnection::on_next_turn, this),
      opened_(server.loop_.now()),
      useless_since_(opened_),
      phase_start_(opened_) {
  place_.set_tenant(*this);
  // A single response may be large; how much of it waits is decided by HttpLimits::in_stream.
  stream_->set_send_limit(SIZE_MAX);
  if (opening_ == Opening::kNone) {
    speak(false);
  }
  stream_->start(*this);
}

HttpConnection::~HttpConnection() {
  if (opening_ == Opening::kQueued) {
    server_.handshakes_.forget(*this);
  }
  for (HttpExchange* exchange : exchanges_) {
    exchange->leave();
  }
}

void HttpConnection::speak(bool http2) {
  HttpRequest about;
  about.client = client_;
  about.local = stream_->local();
  about.over_tls = tls_ != nullptr;
  about.over_unix_socket = stream_->is_unix();
  if (tls_ != nullptr) {
    about.server_name = stream_->tls()->server_name();
  }
  if (http2) {
    protocol_ =
        std::make_unique<Http2>(server_.site_, server_.limits_, std::move(about), &server_.held_bodies_);
  } else {
    protocol_ =
        std::make_unique<Http1>(server_.site_, server_.limits_, std::move(about), &server_.held_bodies_);
  }
}

void HttpConnection::on_ready() {
  survive([&] {
    phase_start_ = server_.loop_.now();
    speak(stream_->tls()->alpn() == "h2");
    advance();  // HTTP/2 begins with our settings
  });
}

void HttpConnection::on_bytes(Bytes bytes) {
  survive([&] {
    if (opening_ != Opening::kNone) {
      take_opening(bytes);
    } else if (!is_half_closed_ && protocol_ != nullptr) {
      protocol_->receive(bytes, server_.loop_.now());
      advance();
    }
  });
}

// May end with this object gone.
void HttpConnection::take_opening(Bytes bytes) {
  switch (opening_) {
    case Opening::kHeader:
      take_proxy_header(bytes);
      break;
    case Opening::kHello:
      take_hello(bytes);
      break;
    default:
      hello_.insert(hello_.end(), bytes.begin(), bytes.end());  // read before the stream stopped
      break;
  }
}

void HttpConnection::take_proxy_header(Bytes bytes) {
  const ProxyStatus status = beginning_.take(bytes);
  if (status == ProxyStatus::kIncomplete) {
    return;  // The time for a handshake holds for it, too.
  }
  if (status == ProxyStatus::kMalformed) {
    server_.site_.on_bad_proxy();
    server_.forget(*this);
    return;
  }
  if (!beginning_.header().is_local) {
    client_ = beginning_.header().client;
  }
  if (!place_.name_client(client_.address(), server_.loop_.now())) {
    server_.counters_.refused_connections.add();
    server_.forget(*this);
    return;
  }
  phase_start_ = server_.loop_.now();
  const ProxyOpening beginning = std::exchange(beginning_, {});
  if (tls_ == nullptr) {
    opening_ = Opening::kNone;
    speak(false);
  } else {
    opening_ = Opening::kHello;
  }
  if (!beginning.rest().empty()) {
    on_bytes(beginning.rest());
  }
}

void HttpConnection::take_hello(Bytes bytes) {
  counted_as_ = client_.address();
  if (server_.handshakes_.begin(*this)) {
    opening_ = Opening::kNone;
    stream_->secure(tls_->accept(stream_->local(), client_), bytes);
    return;
  }
  opening_ = Opening::kQueued;
  place_.note_idle(useless_since_, true);  // it has done its part
  hello_.assign(bytes.begin(), bytes.end());
  stream_->set_reading(false);
}

void HttpConnection::on_handshake_turn() {
  survive([&] {
    opening_ = Opening::kNone;
    const std::vector<uint8_t> hello = std::exchange(hello_, {});
    stream_->set_reading(true);
    stream_->secure(tls_->accept(stream_->local(), client_), hello);
  });
}

// Whoever follows a stream without an end, and says that nothing more comes, has gone.
bool HttpConnection::on_end_of_input() {
  const auto is_streamed = [](const HttpExchange* exchange) { return exchange->is_streamed(); };
  if (protocol_ == nullptr || is_aborted_ || !is_busy() ||
      std::any_of(exchanges_.begin(), exchanges_.end(), is_streamed)) {
    return false;
  }
  is_half_closed_ = true;
  survive([&] {
    protocol_->end_input();
    advance();
  });
  return true;
}

// What is under way is answered, unless nobody knows whether its client is still there.
void HttpConnection::on_displaced() {
  if (is_with_site() && !is_half_closed_) {
    go_away();
  } else {
    server_.forget(*this);
  }
}

void HttpConnection::on_drained() {
  if (protocol_ != nullptr) {
    survive([&] { advance(); });
  }
}

void HttpConnection::on_next_turn(void* self) {
  auto& connection = *static_cast<HttpConnection*>(self);
  connection.survive([&] { connection.advance(); });
}

// An exception that left here would end the process. What comes is mostly std::bad_alloc: this connection
// ends for it, and the others have its memory. `work` may end with this object gone.
template <typename Work>
void HttpConnection::survive(Work&& work) noexcept {
  try {
    work();
  } catch (const std::exception&) {
    end_for_want_of_memory();
  }
}

// The sweep destroys it, as one that is too slow.
void HttpConnection::end_for_want_of_memory() noexcept {
  server_.note_want_of_memory();
  is_advancing_ = false;
  is_aborted_ = true;
  stream_->close();
}

void HttpConnection::on_closed(StreamEnd end, std::string_view why) {
  if (end == StreamEnd::kTlsFailed) {
    server_.counters_.failed_handshakes.add();
    log::debug("TLS with {}: {}", stream_->peer().to_text(), why);
  }
  server_.forget(*this);
}

// Requests to the site, responses to the stream, until neither moves. The site may answer within serve(),
// which comes back here through the exchange.
void HttpConnection::advance() {
  if (is_advancing_) {
    return;
  }
  is_advancing_ = true;
  flush();
  while (may_serve()) {
    auto incoming = protocol_->next_request();
    if (!incoming) {
      break;
    }
    ++served_;
    has_asked_ = true;
    useless_since_ = server_.loop_.now();
    server_.loop_.spend(kBytesPerRequest);
    server_.counters_.requests.add();
    serve(std::move(*incoming));
    flush();
  }
  flush();
  is_advancing_ = false;
  note_progress();
}

// Where the site's memory does not suffice, the responder answers 500 as it goes.
void HttpConnection::serve(HttpProtocol::Incoming incoming) {
  HttpResponder responder(std::make_shared<HttpExchange>(*this, incoming.id));
  try {
    server_.site_.serve(std::move(incoming.request), std::move(responder));
  } catch (const std::exception&) {
    server_.note_want_of_memory();
  }
}

// As many requests of one connection in a turn as its share of bytes allows.
bool HttpConnection::may_serve() noexcept {
  if (serve_turn_ != server_.loop_.turn()) {
    serve_turn_ = server_.loop_.turn();
    served_ = 0;
    server_.loop_.count_reader();
  }
  const bool may = served_ < std::max<size_t>(server_.loop_.read_share() / kBytesPerRequest, 1);
  if (!may) {
    goes_on_.ask();
  }
  return may;
}

void HttpConnection::flush() {
  std::string output;
  while (stream_->is_open() && stream_->pending_bytes() < server_.limits_.in_stream) {
    output.clear();
    protocol_->take_output(output, server_.limits_.in_stream);
    if (output.empty()) {
      break;
    }
    given_bytes_ += output.size();
    static_cast<void>(stream_->send(as_bytes(output)));  // never refused: the limit is off
  }
}

// The sweep destroys it: the site is still in a call of one of its exchanges.
void HttpConnection::cut_slow_reader() {
  server_.counters_.slow_readers.add();
  is_aborted_ = true;
  stream_->close();
}

void HttpConnection::note_progress() {
  const HttpProgress now_at = protocol_->progress();
  const MonoTime now = server_.loop_.now();
  if (now_at.phase != seen_.phase || now_at.requests != seen_.requests) {
    phase_start_ = now;  // a body has its own time, which further requests do not renew
  }
  server_.counters_.refused_requests.add(now_at.refused - seen_.refused);
  seen_ = now_at;

  const bool was_unsent = is_unsent_;
  is_unsent_ = now_at.is_unsent || stream_->pending_bytes() > 0;
  if (is_unsent_ && !was_unsent) {
    unsent_since_ = now;
    unsent_sent_ = given_bytes_ - stream_->pending_bytes();
  }
  note_use(now_at);
  // What has come is served first: else a peer that sends faster than it is served would fill the memory.
  stream_->set_reading(now_at.wants_input && !goes_on_.is_asked());
  if (now_at.is_finished && !is_finishing_) {
    is_finishing_ = true;
    phase_start_ = now;
    stream_->finish();
  }
}

// A body or response that dribbles is of little use, one that moves is of full use.
void HttpConnection::note_use(const HttpProgress& now_at) {
  const MonoTime now = server_.loop_.now();
  const uint64_t sent = given_bytes_ - std::min<uint64_t>(given_bytes_, stream_->pending_bytes());
  const uint64_t bytes = std::max(useful_bytes_, now_at.body_bytes + sent);
  const milliseconds worth((bytes - std::exchange(useful_bytes_, bytes)) * 1000 / kUsefulRate);
  useless_since_ = std::min(now, useless_since_ + worth);
  const bool was_with_site = std::exchange(was_with_site_, is_with_site());
  if (was_with_site_ && !is_half_closed_) {
    place_.note_busy();
    return;
  }
  if (was_with_site && !was_with_site_) {
    useless_since_ = now;
  }
  place_.note_idle(useless_since_, has_asked_);
}

bool HttpConnection::is_with_site() const {
  return std::any_of(exchanges_.begin(), exchanges_.end(),
                     [](const HttpExchange* exchange) { return exchange->is_open(); });
}

bool HttpConnection::is_busy() const {
  return !is_aborted_ &&
         (is_with_site() || goes_on_.is_asked() || is_unsent_ || stream_->pending_bytes() != 0);
}

MonoTime HttpConnection::deadline() const {
  const HttpLimits& limits = server_.limits_;
  const auto at_least_rate = [&limits](uint64_t bytes) {
    return limits.grace + milliseconds(bytes * 1000 / std::max<size_t>(limits.least_rate, 1));
  };
  const MonoTime first = seen_.requests == 0 ? opened_ + limits.first_request : MonoTime::max();
  if (protocol_ == nullptr) {
    return std::min(first, phase_start_ + limits.handshake);
  }
  const uint64_t sent = given_bytes_ - stream_->pending_bytes() - unsent_sent_;
  const MonoTime unsent = is_unsent_ ? unsent_since_ + at_least_rate(sent) : MonoTime::max();
  if (is_finishing_) {
    return is_unsent_ ? unsent : phase_start_ + limits.linger;
  }
  switch (seen_.phase) {
    case HttpProgress::Phase::kIdle:
      return std::min({first, unsent, phase_start_ + (seen_.requests == 0 ? limits.header : limits.idle)});
    case HttpProgress::Phase::kHead:
      return std::min({first, unsent, phase_start_ + limits.header});
    case HttpProgress::Phase::kBody:
      return std::min(unsent, seen_.body_due);
    case HttpProgress::Phase::kAnswering:
      break;  // the site takes what time it needs
  }
  return unsent;
}

bool HttpConnection::is_over(MonoTime now) {
  if (is_aborted_ || (is_half_closed_ && stream_->is_reset())) {
    return true;
  }
  if (is_finishing_ && is_unsent_ && stream_->pending_bytes() == 0) {
    is_unsent_ = false;  // Now the peer has its time to close.
    phase_start_ = now;
  }
  if (is_idle() && now - opened_ >= server_.limits_.lifetime) {
    return true;
  }
  if (now < deadline()) {
    return false;
  }
  if (!is_finishing_ && !is_idle()) {
    server_.counters_.timeouts.add();
  }
  return true;
}

bool HttpConnection::is_idle() const noexcept {
  return protocol_ != nullptr && seen_.phase == HttpProgress::Phase::kIdle && !is_unsent_;
}

void HttpConnection::go_away() {
  if (protocol_ == nullptr) {
    is_aborted_ = true;
    return;
  }
  survive([&] {
    protocol_->go_away();
    advance();
  });
}

}  // namespace cenote
