#include "resolver/upstream/stream_lane.h"

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

// How long the server keeps an idle connection, if it says so (RFC 7828 section 3.1).
std::optional<milliseconds> keepalive_of(Bytes message) {
  const auto value = find_edns_option(message, edns_option::kTcpKeepalive);
  if (!value || value->size() != 2) {
    return std::nullopt;
  }
  return std::min(kLongestIdle, milliseconds{100} * (((*value)[0] << 8) | (*value)[1]));
}

}  // namespace

StreamLane::StreamLane(Loop& loop, const StreamServer& server, Random& random, StreamLaneEvents& events)
    : loop_(loop),
      server_(server),
      random_(random),
      events_(events),
      patience_(kIdle),
      idle_(loop, [this] { end_connection(); }),
      silence_(loop, [this] { on_silence(); }) {}

StreamLane::~StreamLane() = default;

void StreamLane::connect() {
  carrier_ =
      server_.http ? make_http_carrier(server_.http->authority, server_.http->path) : make_frame_carrier();
  stream_ = Stream::connect(loop_, server_.address);
  stream_->start(*this, server_.tls != nullptr ? server_.tls->connect() : nullptr);
  answered_ = 0;
  was_ready_ = false;
  patience_ = kIdle;
  connections_.add();
  carrier_->begin(output_);
}

void StreamLane::on_ready() {
  was_ready_ = true;
  if (server_.http && stream_->tls()->alpn() != "h2") {
    log::debug("upstream {}: it does not speak HTTP/2", server_.address.to_text());
    refuse_all();
  } else if (silence_.is_active()) {
    listen_for_silence();  // a handshake is a sign of life
  }
}

uint16_t StreamLane::fresh_id() {
  if (server_.http) {
    return 0;  // RFC 8484 section 4.1: equal questions are equal bytes
  }
  uint16_t id = random_.u16();
  const auto is_taken = [&] {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const StreamQuestion& each) { return each.id == id; });
  };
  while (is_taken()) {
    id = random_.u16();
  }
  return id;
}

bool StreamLane::transmit(StreamQuestion& question) {
  std::array<uint8_t, kMaxQueryBytes> query;
  QueryExtras extras{.has_edns = question.attempt.has_edns,
                     .pads = server_.tls != nullptr,
                     .keeps_open = !server_.http.has_value()};
  EchoCookie cookie;
  if (server_.echo != nullptr) {  // As over UDP, so that the reply shows what this server repeats.
    extras.letter_case = question.letter_case = server_.echo->draw();
    cookie = server_.echo->cookie();
    extras.cookie = cookie.view();
  }
  const size_t size = write_query(query, question.asked, question.id, extras);
  const auto key = carrier_->send(Bytes(query).first(size), output_);
  if (!key) {
    return false;
  }
  question.key = *key;
  return flush();
}

bool StreamLane::flush() {
  const std::string output = std::exchange(output_, {});
  return output.empty() || stream_->send(as_bytes(output));
}

bool StreamLane::send(const StreamQuestion& question) {
  if (stream_ == nullptr || !stream_->is_open()) {
    connect();
  }
  StreamQuestion sent = question;
  sent.id = fresh_id();
  if (!transmit(sent)) {
    is_ending_ = true;
    rest();
    return false;
  }
  waiting_.push_back(sent);
  idle_.stop();
  if (!silence_.is_active()) {
    listen_for_silence();
  }
  return true;
}

void StreamLane::cancel(Handle exchange) noexcept {
  const size_t gone = std::erase_if(waiting_, [&](const StreamQuestion& each) {
    const bool is_gone = each.attempt.exchange == exchange;
    if (is_gone) {
      carrier_->cancel(each.key, output_);
    }
    return is_gone;
  });
  if (gone != 0) {
    is_ending_ = !flush() || is_ending_;
    rest();
  }
}

// Nothing to do: the connection stays for a while.
void StreamLane::rest() {
  if (waiting_.empty() && stream_ != nullptr) {
    idle_.start(is_ending_ ? milliseconds{1} : patience_);
  }
}

// A part of an answer is a sign of life, too: a server may be slow to send it.
void StreamLane::on_cipher_text() {
  if (silence_.is_active()) {
    listen_for_silence();
  }
}

void StreamLane::on_bytes(Bytes bytes) {
  // Also for a question that was given up meanwhile: what counts is that the other side lives.
  silence_.stop();
  const bool goes_on = carrier_->receive(bytes, output_) && flush();
  is_ending_ = is_ending_ || !goes_on;
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

void StreamLane::on_arrived(const Carrier::Arrived& arrived) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const StreamQuestion& each) { return each.key == arrived.key; });
  if (found == waiting_.end() || (!arrived.message.empty() && !is_reply_to(arrived.message, found->asked))) {
    return;  // an answer that came too late, or nonsense: the wait of the others goes on
  }
  const Attempt attempt = found->attempt;
  if (server_.echo != nullptr && !arrived.message.empty()) {
    server_.echo->learn(arrived.message, found->asked.name, found->letter_case, attempt.has_edns);
  }
  StreamQuestion question = *found;
  *found = std::move(waiting_.back());
  waiting_.pop_back();
  if (arrived.message.empty()) {
    rest();
    if (arrived.is_refused) {
      events_.on_put_back(question);
    } else {
      events_.on_refused(attempt);
    }
    return;
  }
  ++answered_;
  if (const auto keepalive = keepalive_of(arrived.message); keepalive && !server_.http) {
    patience_ = *keepalive;
  }
  rest();
  events_.on_answer(attempt, arrived.message);
}

void StreamLane::listen_for_silence() {
  is_last_look_ = false;
  silence_.start(kSilence);
}

// In a turn of the loop timers come before sockets. When the process was held up for that long (a starved or
// paused machine), the answer may be here, unread: so there is one more turn before silence is believed.
void StreamLane::on_silence() {
  if (!std::exchange(is_last_look_, true)) {
    silence_.start(kLastLook);
    return;
  }
  log::debug("upstream {}: silent, though asked", server_.address.to_text());
  replace_connection();
}

void StreamLane::on_closed(StreamEnd end, std::string_view why) {
  if (end != StreamEnd::kPeerClosed) {
    log::debug("upstream {}: {}", server_.address.to_text(), why);
  }
  if (end == StreamEnd::kConnectFailed || (end == StreamEnd::kTlsFailed && !was_ready_)) {
    refuse_all();
  } else {
    end_connection();
  }
}

void StreamLane::disconnect() noexcept {
  idle_.stop();
  silence_.stop();
  stream_.reset();
  output_.clear();
  is_ending_ = false;
}

// A server may close at any moment, also when a question is on its way (RFC 7766 section 6.2.4).
void StreamLane::end_connection() {
  disconnect();
  events_.on_cut(std::exchange(waiting_, {}), answered_);
}

void StreamLane::replace_connection() {
  disconnect();
  if (waiting_.empty()) {
    return;
  }
  connect();
  for (StreamQuestion& each : waiting_) {
    transmit(each);  // of an empty queue nothing is refused
  }
  listen_for_silence();
}

void StreamLane::refuse_all() {
  disconnect();
  for (const StreamQuestion& each : std::exchange(waiting_, {})) {
    events_.on_refused(each.attempt);
  }
}

}  // namespace cenote
