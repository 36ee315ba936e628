#include "resolver/upstream/stream_transport.h"

#include <algorithm>
#include <array>

#include "resolver/base/log.h"
#include "resolver/dns/scrub.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// RFC 7766 section 6.2.3 asks for a few seconds where the server says nothing (RFC 7828); long enough to be
// reused by the next truncated answer.
constexpr milliseconds kIdle{10'000};
constexpr milliseconds kLongestIdle{120'000};
// Longer than almost any recursion takes, shorter than the patience of those who wait (Exchange::kTotal).
constexpr milliseconds kSilence{2000};
constexpr milliseconds kLastLook{5};
// More at once on one connection than any server answers in good time.
constexpr size_t kMostWaiting = 512;

// How long the server keeps an idle connection, if it says so (RFC 7828 section 3.1).
std::optional<milliseconds> keepalive_of(Bytes message) {
  const auto value = find_edns_option(message, edns_option::kTcpKeepalive);
  if (!value || value->size() != 2) {
    return std::nullopt;
  }
  return std::min(kLongestIdle, milliseconds{100} * (((*value)[0] << 8) | (*value)[1]));
}

}  // namespace

StreamTransport::StreamTransport(Loop& loop, const SocketAddress& server, TlsContext* tls, Random& random,
                                 TransportEvents& events, std::optional<HttpEndpoint> http, Echo* echo)
    : loop_(loop),
      server_(server),
      tls_(tls),
      random_(random),
      events_(events),
      http_(std::move(http)),
      echo_(echo),
      patience_(kIdle),
      idle_(loop, [this] { drop_connection(); }),
      silence_(loop, [this] { on_silence(); }) {}

StreamTransport::~StreamTransport() = default;

void StreamTransport::connect() {
  carrier_ = http_ ? make_http_carrier(http_->authority, http_->path) : make_frame_carrier();
  stream_ = Stream::connect(loop_, server_);
  stream_->start(*this, tls_ != nullptr ? tls_->connect() : nullptr);
  has_answered_ = false;
  patience_ = kIdle;
  connections_.add();
  carrier_->begin(output_);
}

void StreamTransport::on_ready() {
  if (http_ && stream_->tls()->alpn() != "h2") {
    log::debug("upstream {}: it does not speak HTTP/2", server_.to_text());
    drop_connection();
  } else if (silence_.is_active()) {
    listen_for_silence();  // a handshake is a sign of life
  }
}

uint16_t StreamTransport::fresh_id() {
  if (http_) {
    return 0;  // RFC 8484 section 4.1: equal questions are equal bytes
  }
  uint16_t id = random_.u16();
  const auto is_taken = [&] {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return each.id == id; });
  };
  while (is_taken()) {
    id = random_.u16();
  }
  return id;
}

bool StreamTransport::transmit(Waiting& waiting) {
  std::array<uint8_t, kMaxQueryBytes> query;
  QueryExtras extras{.pads = tls_ != nullptr, .keeps_open = !http_.has_value()};
  EchoCookie cookie;
  if (echo_ != nullptr) {  // As over UDP, so that the reply shows what this server repeats.
    extras.letter_case = waiting.letter_case = echo_->draw();
    cookie = echo_->cookie();
    extras.cookie = cookie.view();
  }
  const size_t size = write_query(query, waiting.question, waiting.id, extras);
  const auto key = carrier_->send(Bytes(query).first(size), output_);
  if (!key) {
    return false;
  }
  waiting.key = *key;
  return flush();
}

bool StreamTransport::flush() {
  const std::string output = std::exchange(output_, {});
  return output.empty() || stream_->send(as_bytes(output));
}

bool StreamTransport::send(const Attempt& attempt, const UpstreamQuestion& question) {
  if (waiting_.size() >= kMostWaiting) {
    return false;
  }
  if (stream_ == nullptr || !stream_->is_open()) {
    connect();
  }
  Waiting waiting{attempt, question, fresh_id(), 0, {}};
  if (!transmit(waiting)) {
    return false;
  }
  waiting_.push_back(waiting);
  idle_.stop();
  if (!silence_.is_active()) {
    listen_for_silence();
  }
  return true;
}

void StreamTransport::cancel(Handle exchange) noexcept {
  const size_t gone =
      std::erase_if(waiting_, [&](const Waiting& each) { return each.attempt.exchange == exchange; });
  if (gone != 0) {
    rest();
  }
}

// Nothing to do: the connection stays for a while.
void StreamTransport::rest() {
  if (waiting_.empty() && stream_ != nullptr) {
    idle_.start(patience_);
  }
}

void StreamTransport::on_bytes(Bytes bytes) {
  // Also for a question that was given up meanwhile: what counts is that the other side lives.
  silence_.stop();
  const bool goes_on = carrier_->receive(bytes, output_) && flush();
  while (auto arrived = carrier_->next()) {
    on_arrived(*arrived);
    if (stream_ == nullptr) {
      return;
    }
  }
  if (!goes_on) {
    end_connection();
  } else if (!waiting_.empty() && !silence_.is_active()) {
    listen_for_silence();
  }
}

void StreamTransport::on_arrived(const Carrier::Arrived& arrived) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& each) { return each.key == arrived.key; });
  if (found == waiting_.end() ||
      (!arrived.message.empty() && !is_reply_to(arrived.message, found->question))) {
    return;  // an answer that came too late, or nonsense: the wait of the others goes on
  }
  const Attempt attempt = found->attempt;
  if (echo_ != nullptr && !arrived.message.empty()) {
    echo_->learn(arrived.message, found->question.name, found->letter_case);
  }
  waiting_.erase(found);
  if (arrived.message.empty()) {
    rest();
    events_.on_unreachable(attempt);
    return;
  }
  has_answered_ = true;
  if (const auto keepalive = keepalive_of(arrived.message); keepalive && !http_) {
    patience_ = *keepalive;
  }
  rest();
  events_.on_response(attempt, arrived.message);
}

void StreamTransport::listen_for_silence() {
  is_last_look_ = false;
  silence_.start(kSilence);
}

// In a turn of the loop timers come before sockets. When the process was held up for that long (a starved or
// paused machine), the answer may be here, unread: so there is one more turn before silence is believed.
void StreamTransport::on_silence() {
  if (!std::exchange(is_last_look_, true)) {
    silence_.start(kLastLook);
    return;
  }
  log::debug("upstream {}: silent, though asked", server_.to_text());
  replace_connection();
}

void StreamTransport::on_closed(StreamEnd end, std::string_view why) {
  if (end != StreamEnd::kPeerClosed) {
    log::debug("upstream {}: {}", server_.to_text(), why);
  }
  end_connection();
}

// A server may close at any moment, also when a question is on its way (RFC 7766 section 6.2.4): whoever has
// answered before is asked again. One that ends each connection at once is out of order.
void StreamTransport::end_connection() {
  has_answered_ ? replace_connection() : drop_connection();
}

void StreamTransport::replace_connection() {
  idle_.stop();
  silence_.stop();
  stream_.reset();
  if (waiting_.empty()) {
    return;
  }
  connect();
  for (Waiting& each : waiting_) {
    transmit(each);  // of an empty queue nothing is refused
  }
  listen_for_silence();
}

void StreamTransport::drop_connection() {
  idle_.stop();
  silence_.stop();
  stream_.reset();
  std::vector<Waiting> waiting;
  waiting.swap(waiting_);
  for (const Waiting& each : waiting) {
    events_.on_unreachable(each.attempt);
  }
}

}  // namespace cenote
