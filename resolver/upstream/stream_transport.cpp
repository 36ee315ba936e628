#include "resolver/upstream/stream_transport.h"

#include <algorithm>
#include <array>

#include "resolver/base/log.h"
#include "resolver/dns/records.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// RFC 7766 section 6.2.3 asks for a few seconds; long enough to be reused by the next truncated answer.
constexpr seconds kIdle{10};
// Longer than almost any recursion takes, shorter than the patience of those who wait (Exchange::kTotal).
constexpr milliseconds kSilence{2000};
// More at once on one connection than any server answers in good time.
constexpr size_t kMostWaiting = 512;

}  // namespace

StreamTransport::StreamTransport(Loop& loop, const SocketAddress& server, TlsContext* tls, Random& random,
                                 TransportEvents& events)
    : loop_(loop),
      server_(server),
      tls_(tls),
      random_(random),
      events_(events),
      idle_(loop, [this] { drop_connection(); }),
      silence_(loop, [this] { replace_connection(); }) {}

StreamTransport::~StreamTransport() = default;

void StreamTransport::connect() {
  frames_ = FrameReader();
  stream_ = Stream::connect(loop_, server_);
  stream_->start(*this, tls_ != nullptr ? tls_->connect() : nullptr);
  has_answered_ = false;
  connections_.add();
}

bool StreamTransport::transmit(const Waiting& waiting) {
  std::array<uint8_t, kFrameHeaderSize + kMaxQueryBytes> frame;
  const size_t size =
      write_query(MutableBytes(frame).subspan(kFrameHeaderSize), waiting.question, waiting.id);
  ByteWriter header(frame);
  write_frame_header(header, size);
  return stream_->send(Bytes(frame).first(kFrameHeaderSize + size));
}

bool StreamTransport::send(const Attempt& attempt, const UpstreamQuestion& question) {
  if (waiting_.size() >= kMostWaiting) {
    return false;
  }
  if (stream_ == nullptr || !stream_->is_open()) {
    connect();
  }
  const auto taken = [&](uint16_t id) {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return each.id == id; });
  };
  uint16_t id = random_.u16();
  while (taken(id)) {
    id = random_.u16();
  }
  const Waiting waiting{attempt, id, question};
  if (!transmit(waiting)) {
    return false;
  }
  waiting_.push_back(waiting);
  idle_.stop();
  if (!silence_.is_active()) {
    silence_.start(kSilence);
  }
  return true;
}

void StreamTransport::cancel(Handle exchange) noexcept {
  std::erase_if(waiting_, [&](const Waiting& each) { return each.attempt.exchange == exchange; });
  if (waiting_.empty() && stream_ != nullptr) {
    idle_.start(kIdle);
  }
}

void StreamTransport::on_bytes(Bytes bytes) {
  // Also for a question that was given up meanwhile: what counts is that the other side lives.
  silence_.stop();
  frames_.feed(bytes);
  while (auto message = frames_.next()) {
    on_message(*message);
    if (stream_ == nullptr) {
      return;
    }
  }
  if (!waiting_.empty() && !silence_.is_active()) {
    silence_.start(kSilence);
  }
}

void StreamTransport::on_message(Bytes message) {
  if (message.size() < kHeaderBytes) {
    return;
  }
  const auto id = static_cast<uint16_t>((message[0] << 8) | message[1]);
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return each.id == id; });
  if (found == waiting_.end() || !is_reply_to(message, found->question)) {
    return;  // an answer that came too late, or nonsense: the wait of the others goes on
  }
  const Attempt attempt = found->attempt;
  waiting_.erase(found);
  has_answered_ = true;
  if (waiting_.empty()) {
    idle_.start(kIdle);
  }
  events_.on_response(attempt, message);
}

void StreamTransport::on_closed(StreamEnd end, std::string_view why) {
  if (end != StreamEnd::kPeerClosed) {
    log::debug("upstream {}: {}", server_.to_text(), why);
  }
  // A server may close at any moment, also when a question is on its way (RFC 7766 section 6.2.4): whoever
  // has answered before is asked again. One that ends each connection at once is out of order.
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
  for (const Waiting& each : waiting_) {
    transmit(each);  // of an empty queue nothing is refused
  }
  silence_.start(kSilence);
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
