#include "resolver/upstream/udp_transport.h"

#include <algorithm>
#include <bit>

#include "resolver/base/log.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

// So many sockets share the questions of one server; more are opened while all of them are full.
constexpr size_t kSockets = 16;
constexpr size_t kMostSockets = 512;
// A socket's port is a secret that wears out with use, and with time: a side channel needs seconds to find
// an open port (SAD DNS, CVE-2020-25705).
constexpr unsigned kUsesOfSocket = 64;
constexpr seconds kLifeOfSocket{10};

}  // namespace

// A port, and the questions that it was used for. Each has a place of its own, for a port has no more.
class UdpTransport::Socket final : public UdpClient::Handler {
 public:
  Socket(UdpTransport& transport, MonoTime now) : opened(now), transport_(transport) {
    waiting_.reserve(kUsesOfSocket);
  }

  struct Waiting {
    Waiting(const Attempt& made, const UpstreamQuestion& asked, const LetterCase& written)
        : attempt(made), question(asked), letter_case(written) {}

    Attempt attempt;
    UpstreamQuestion question;
    LetterCase letter_case;
  };
  // REQUIRES: used less than kUsesOfSocket times. The id is one that was never used here.
  uint16_t add(const Attempt& attempt, const UpstreamQuestion& question, const LetterCase& letter_case,
               Random& random) {
    uint16_t id = random.u16();
    while (was_used(id)) {
      id = random.u16();
    }
    waits_ |= uint64_t{1} << uses();
    ids_[uses()] = id;
    exchanges_[uses()] = attempt.exchange;
    waiting_.emplace_back(attempt, question, letter_case);
    return id;
  }
  void cancel(Handle exchange, unsigned up_to) noexcept {
    for (uint64_t left = waits_; left != 0; left &= left - 1) {
      const auto i = static_cast<size_t>(std::countr_zero(left));
      if (exchanges_[i] == exchange && waiting_[i].attempt.number <= up_to) {
        forget(i);
      }
    }
  }
  [[nodiscard]] size_t uses() const noexcept { return waiting_.size(); }
  [[nodiscard]] bool is_full() const noexcept { return is_spoilt_ || uses() >= kUsesOfSocket; }
  [[nodiscard]] bool is_idle() const noexcept { return waits_ == 0; }

  std::unique_ptr<UdpClient> client;
  MonoTime opened;

 private:
  static constexpr size_t kNone = SIZE_MAX;
  static_assert(kUsesOfSocket <= 64, "one bit each");

  [[nodiscard]] size_t find(uint16_t id) const noexcept {
    for (uint64_t left = waits_; left != 0; left &= left - 1) {
      if (const auto i = static_cast<size_t>(std::countr_zero(left)); ids_[i] == id) {
        return i;
      }
    }
    return kNone;
  }
  // Looks at all of them without a branch, some at a time. 0 stands for none, and so is never an id.
  [[nodiscard]] bool was_used(uint16_t id) const noexcept {
    uint16_t same = 0;
    for (const uint16_t each : ids_) {
      same |= each == id ? UINT16_MAX : 0;
    }
    return same != 0;
  }
  void forget(size_t i) noexcept { waits_ &= ~(uint64_t{1} << i); }
  void on_reply(Bytes datagram) override;
  void on_unreachable() override;

  UdpTransport& transport_;
  uint64_t waits_ = 0;  // one bit for each use: no reply yet
  bool is_spoilt_ = false;
  std::array<uint16_t, kUsesOfSocket> ids_{};
  std::array<Handle, kUsesOfSocket> exchanges_;  // beside the rest, which is far apart, to be gone through
  std::vector<Waiting> waiting_;
};

// The queries of this turn, all for the current socket.
struct alignas(64) UdpTransport::Outbox {
  std::array<std::array<uint8_t, kMaxQueryBytes>, kUsesOfSocket> messages;
  std::array<Bytes, kUsesOfSocket> datagrams;
  size_t size = 0;
};

UdpTransport::UdpTransport(Loop& loop, const SocketAddress& server, Random& random, TransportEvents& events,
                           Echo* echo)
    : loop_(loop),
      server_(server),
      random_(random),
      events_(events),
      echo_(echo),
      inbox_(new UdpClient::Inbox),
      outbox_(new Outbox),
      aging_(loop, [this] { on_age(); }),
      turn_end_(
          loop, [](void* context) { static_cast<UdpTransport*>(context)->flush(); }, this) {}

UdpTransport::~UdpTransport() = default;

bool UdpTransport::is_worn(const Socket& socket) const noexcept {
  return socket.is_full() || loop_.now() - socket.opened >= kLifeOfSocket;
}

// Closes worn sockets for which nobody waits.
void UdpTransport::retire() {
  std::erase_if(sockets_, [this](const std::unique_ptr<Socket>& socket) {
    return socket.get() != current_ && socket->is_idle() && is_worn(*socket);
  });
}

void UdpTransport::on_age() {
  retire();
  if (!sockets_.empty()) {
    aging_.start(kLifeOfSocket);
  }
}

UdpTransport::Socket* UdpTransport::open() {
  if (sockets_.size() >= kMostSockets) {
    return nullptr;
  }
  auto made = std::make_unique<Socket>(*this, loop_.now());
  auto client = UdpClient::open(loop_, server_, random_, *inbox_, *made);
  if (!client) {
    log::debug("{}", client.error().message);
    return nullptr;
  }
  made->client = std::move(*client);
  if (!aging_.is_active()) {
    aging_.start(kLifeOfSocket);
  }
  return sockets_.emplace_back(std::move(made)).get();
}

// One of the usable sockets, each with the same chance, or a new one while there are few.
UdpTransport::Socket* UdpTransport::pick() {
  retire();
  const auto usable = static_cast<size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [this](const auto& each) { return !is_worn(*each); }));
  if (usable < kSockets) {
    if (Socket* made = open()) {
      return made;
    }
  }
  size_t chosen = usable == 0 ? 0 : static_cast<size_t>(random_.below(usable));
  for (const auto& socket : sockets_) {
    if (!is_worn(*socket) && chosen-- == 0) {
      return socket.get();
    }
  }
  return nullptr;
}

bool UdpTransport::send(const Attempt& attempt, const UpstreamQuestion& question) {
  if (current_ == nullptr || current_->is_full()) {
    flush();
    current_ = pick();
  }
  if (current_ == nullptr) {
    return false;
  }
  QueryExtras extras;
  EchoCookie cookie;
  if (echo_ != nullptr) {
    extras.letter_case = echo_->draw();
    cookie = echo_->cookie();
    extras.cookie = cookie.view();
  }
  const uint16_t id = current_->add(attempt, question, extras.letter_case, random_);
  auto& message = outbox_->messages[outbox_->size];
  outbox_->datagrams[outbox_->size++] = Bytes(message).first(write_query(message, question, id, extras));
  return true;
}

void UdpTransport::flush() noexcept {
  if (current_ != nullptr) {
    counters_.sent.add(current_->client->send(std::span(outbox_->datagrams).first(outbox_->size)));
    outbox_->size = 0;
    current_ = nullptr;
  }
}

void UdpTransport::cancel(Handle exchange, unsigned up_to) noexcept {
  for (const auto& socket : sockets_) {
    socket->cancel(exchange, up_to);
  }
}

void UdpTransport::Socket::on_reply(Bytes datagram) {
  UdpTransport& transport = transport_;
  const size_t i =
      datagram.size() < kHeaderBytes ? kNone : find(static_cast<uint16_t>((datagram[0] << 8) | datagram[1]));
  if (i == kNone || !is_reply_to(datagram, waiting_[i].question)) {
    transport.counters_.mismatched.add();  // The wait goes on: a wrong reply must not end it.
    return;
  }
  const Waiting& found = waiting_[i];
  const Attempt attempt = found.attempt;
  if (transport.echo_ != nullptr &&
      !transport.echo_->believes(datagram, found.question.name, found.letter_case)) {
    transport.counters_.doubtful.add();
    transport.events_.on_doubtful(attempt);  // The wait goes on here, too: the true reply may be on its way.
    return;
  }
  transport.counters_.replies.add();
  forget(i);
  transport.events_.on_response(attempt, datagram);
}

void UdpTransport::Socket::on_unreachable() {
  // The kernel reports it for the socket, not for a question: everybody who waits here hears of it.
  std::vector<Attempt> attempts;
  for (uint64_t left = waits_; left != 0; left &= left - 1) {
    attempts.push_back(waiting_[static_cast<size_t>(std::countr_zero(left))].attempt);
  }
  waits_ = 0;
  is_spoilt_ = true;
  TransportEvents& events = transport_.events_;  // this socket may go in the calls
  for (const Attempt& attempt : attempts) {
    events.on_unreachable(attempt);
  }
}

}  // namespace cenote
