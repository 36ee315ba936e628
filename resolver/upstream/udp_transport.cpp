#include "resolver/upstream/udp_transport.h"

#include <algorithm>

#include "resolver/base/log.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

// So many sockets share the questions of one server; more are opened while each has kBusy questions waiting.
constexpr size_t kSockets = 16;
constexpr size_t kMostSockets = 512;
constexpr size_t kBusy = 16;
// A socket's port is a secret that wears out with use, and with time: a side channel needs seconds to find
// an open port (SAD DNS, CVE-2020-25705).
constexpr unsigned kUsesOfSocket = 64;
constexpr seconds kLifeOfSocket{10};

}  // namespace

UdpTransport::UdpTransport(Loop& loop, const SocketAddress& server, Random& random, TransportEvents& events,
                           Echo* echo)
    : loop_(loop), server_(server), random_(random), events_(events), echo_(echo), aging_(loop, [this] {
        on_age();
      }) {}

UdpTransport::~UdpTransport() = default;

UdpTransport::Socket* UdpTransport::find(const UdpClient& client) noexcept {
  for (const auto& socket : sockets_) {
    if (socket->client.get() == &client) {
      return socket.get();
    }
  }
  return nullptr;
}

bool UdpTransport::is_worn(const Socket& socket) const noexcept {
  return socket.uses >= kUsesOfSocket || loop_.now() - socket.opened >= kLifeOfSocket;
}

// Closes worn sockets for which nobody waits.
void UdpTransport::retire() {
  std::erase_if(sockets_, [this](const std::unique_ptr<Socket>& socket) {
    return socket->waiting.empty() && is_worn(*socket);
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
  auto client = UdpClient::open(loop_, server_, random_, *this);
  if (!client) {
    log::debug("{}", client.error().message);
    return nullptr;
  }
  Socket& made = *sockets_.emplace_back(std::make_unique<Socket>());
  made.client = std::move(*client);
  made.opened = loop_.now();
  if (!aging_.is_active()) {
    aging_.start(kLifeOfSocket);
  }
  return &made;
}

// One of the usable sockets, each with the same chance, or a new one while there are few.
UdpTransport::Socket* UdpTransport::pick() {
  Socket* chosen = nullptr;
  size_t fresh = 0;
  size_t usable = 0;
  for (const auto& socket : sockets_) {
    if (is_worn(*socket)) {
      continue;
    }
    ++fresh;
    if (socket->waiting.size() < kBusy && random_.below(++usable) == 0) {
      chosen = socket.get();
    }
  }
  if (fresh >= kSockets && chosen != nullptr) {
    return chosen;
  }
  Socket* made = open();
  return made != nullptr ? made : chosen;
}

bool UdpTransport::send(const Attempt& attempt, const UpstreamQuestion& question) {
  retire();
  Socket* socket = pick();
  if (socket == nullptr) {
    return false;
  }
  const auto taken = [&](uint16_t id) {
    return std::any_of(socket->waiting.begin(), socket->waiting.end(),
                       [&](const Waiting& each) { return each.id == id; });
  };
  uint16_t id = random_.u16();
  while (taken(id)) {
    id = random_.u16();
  }
  std::array<uint8_t, kMaxQueryBytes> message;
  QueryExtras extras;
  if (echo_ != nullptr) {
    extras.letter_case = echo_->draw();
    extras.cookie = echo_->cookie();
  }
  const size_t size = write_query(message, question, id, extras);
  ++socket->uses;
  if (!socket->client->send(Bytes(message).first(size))) {
    return false;
  }
  counters_.sent.add();
  socket->waiting.push_back({attempt, id, question, extras.letter_case});
  return true;
}

void UdpTransport::cancel(Handle exchange) noexcept {
  for (const auto& socket : sockets_) {
    std::erase_if(socket->waiting, [&](const Waiting& each) { return each.attempt.exchange == exchange; });
  }
}

void UdpTransport::on_reply(UdpClient& client, Bytes datagram) {
  Socket* socket = find(client);
  if (socket == nullptr || datagram.size() < kHeaderBytes) {
    counters_.mismatched.add();
    return;
  }
  const auto id = static_cast<uint16_t>((datagram[0] << 8) | datagram[1]);
  const auto found = std::find_if(socket->waiting.begin(), socket->waiting.end(),
                                  [&](const Waiting& each) { return each.id == id; });
  if (found == socket->waiting.end() || !is_reply_to(datagram, found->question)) {
    counters_.mismatched.add();  // The wait goes on: a wrong reply must not end it.
    return;
  }
  const Attempt attempt = found->attempt;
  if (echo_ != nullptr && !echo_->believes(datagram, found->question.name, found->letter_case)) {
    counters_.doubtful.add();
    events_.on_doubtful(attempt);  // The wait goes on here, too: the true reply may be on its way.
    return;
  }
  counters_.replies.add();
  *found = std::move(socket->waiting.back());
  socket->waiting.pop_back();
  events_.on_response(attempt, datagram);
}

void UdpTransport::on_unreachable(UdpClient& client) {
  Socket* socket = find(client);
  if (socket == nullptr) {
    return;
  }
  // The kernel reports it for the socket, not for a question: everybody who waits here hears of it.
  std::vector<Waiting> waiting;
  waiting.swap(socket->waiting);
  socket->uses = kUsesOfSocket;
  for (const Waiting& each : waiting) {
    events_.on_unreachable(each.attempt);
  }
}

}  // namespace cenote
