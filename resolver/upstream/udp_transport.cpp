#include "resolver/upstream/udp_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <boost/container/small_vector.hpp>

#include "resolver/base/descriptors.h"
#include "resolver/base/log.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

// So many others are used before a socket is used again. The next one is drawn from those that rest beyond
// that, among so many, so that nobody can tell whose turn it is.
constexpr size_t kApart = 256;
constexpr size_t kDrawnFrom = 128;
constexpr size_t kMostSockets = 1024;
// A socket's port is a secret that wears out with use, and with time: a side channel needs seconds to find
// an open port (SAD DNS, CVE-2020-25705).
constexpr unsigned kUsesOfSocket = 64;
constexpr seconds kLifeOfSocket{1};
constexpr milliseconds kBetweenLooks{100};  // at their age, a part of them each time
// So many questions share a socket when all of them are busy.
constexpr size_t kMostSharing = 64;

Sending sending_of(int error) noexcept {
  return error == 0               ? Sending::kSent
         : error == EPERM         ? Sending::kHeldBack
         : is_want_of_room(error) ? Sending::kNoRoom
                                  : Sending::kNoWay;
}

}  // namespace

// A port, and the questions that wait there for a reply: hardly ever more than one. On cache lines of its
// own: it comes and goes among what other workers read.
class alignas(64) UdpTransport::Socket final : public UdpClient::Handler {
 public:
  Socket(UdpTransport& transport, size_t at, MonoTime now) : place(at), opened(now), transport_(transport) {}

  // Its id.
  uint16_t add(Handle question, Random& random) {
    uint16_t id = random.u16();
    while (find(id) != waiting_.end()) {
      id = random.u16();
    }
    waiting_.push_back({id, question});
    ++uses;
    return id;
  }
  void forget(Handle question) noexcept {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& each) { return each.question == question; });
    waiting_.erase(found);
  }
  [[nodiscard]] bool is_idle() const noexcept { return waiting_.empty(); }
  [[nodiscard]] bool is_full() const noexcept { return waiting_.size() >= kMostSharing; }

  std::unique_ptr<UdpClient> client;
  size_t place;  // among the transport's sockets
  MonoTime opened;
  unsigned uses = 0;
  bool is_spoilt = false;  // the server's host, or our system, has refused it

 private:
  struct Waiting {
    uint16_t id;
    Handle question;
  };
  using Waitings = boost::container::small_vector<Waiting, 1>;

  [[nodiscard]] Waitings::iterator find(uint16_t id) noexcept {
    return std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return each.id == id; });
  }
  bool on_reply(Bytes datagram) override;
  void on_unreachable() override;

  UdpTransport& transport_;
  Waitings waiting_;
};

UdpTransport::UdpTransport(Loop& loop, const SocketAddress& server, Random& random, TransportEvents& events,
                           Echo* echo)
    : loop_(loop),
      server_(server),
      random_(random),
      events_(events),
      echo_(echo),
      inbox_(new UdpClient::Inbox),
      aging_(loop, [this] { on_age(); }) {}

UdpTransport::~UdpTransport() = default;

bool UdpTransport::is_worn(const Socket& socket) const noexcept {
  return socket.is_spoilt || socket.uses >= kUsesOfSocket || loop_.now() - socket.opened >= kLifeOfSocket;
}

UdpTransport::Sent UdpTransport::send(const Attempt& attempt, const UpstreamQuestion& question) {
  int error = 0;
  Socket* const socket = pick(error);
  if (socket == nullptr) {
    return {sending_of(error), {}};
  }
  const Handle handle = questions_.add();
  Question& waiting = *questions_.find(handle);
  waiting.attempt = attempt;
  waiting.asked = question;
  waiting.letter_case = {};
  waiting.socket = socket;
  QueryExtras extras{.has_edns = attempt.has_edns};
  EchoCookie cookie;
  if (echo_ != nullptr) {
    extras.letter_case = waiting.letter_case = echo_->draw();
    cookie = echo_->cookie();
    extras.cookie = cookie.view();
  }
  std::array<uint8_t, kMaxQueryBytes> message;
  const size_t size = write_query(message, question, socket->add(handle, random_), extras);
  error = socket->client->send(Bytes(message).first(size));
  if (error != 0) {
    log::debug("upstream {}: {}", server_.to_text(), std::strerror(error));
    socket->is_spoilt = sending_of(error) == Sending::kNoWay;
    let_go(handle);
    return {sending_of(error), {}};
  }
  counters_.sent.add();
  return {Sending::kSent, handle};
}

UdpTransport::Socket* UdpTransport::pick(int& error) {
  while (resting_.size() >= kApart + kDrawnFrom) {
    Socket* const rested = take_rested();
    if (!is_worn(*rested)) {
      return rested;
    }
    close(*rested);
  }
  error = EMFILE;
  Socket* const made = sockets_.size() < kMostSockets ? open(error) : nullptr;
  return made == nullptr && is_want_of_room(error) ? share() : made;
}

// REQUIRES: kApart rest beside those.
UdpTransport::Socket* UdpTransport::take_rested() noexcept {
  const size_t drawn = random_.below(kDrawnFrom);
  std::swap(resting_.front(), resting_[drawn]);
  Socket* const socket = resting_.front();
  resting_.pop_front();
  return socket;
}

UdpTransport::Socket* UdpTransport::open(int& error) {
  auto made = std::make_unique<Socket>(*this, sockets_.size(), loop_.now());
  made->client = UdpClient::open(loop_, server_, random_, *inbox_, *made, error);
  if (made->client == nullptr) {
    log::debug("upstream {}: no socket: {}", server_.to_text(), std::strerror(error));
    return nullptr;
  }
  if (!aging_.is_active()) {
    aging_.start(kBetweenLooks);
  }
  return sockets_.emplace_back(std::move(made)).get();
}

// There can be no more sockets: one of those that are, each in its turn. Worn ones come to their end, unless
// all are.
UdpTransport::Socket* UdpTransport::share() noexcept {
  while (!resting_.empty()) {
    Socket* const socket = resting_.front();
    resting_.pop_front();
    if (!socket->is_spoilt) {
      return socket;
    }
    close(*socket);
  }
  Socket* worn = nullptr;
  for (size_t tried = 0; tried < sockets_.size(); ++tried) {
    shared_ = (shared_ + 1) % sockets_.size();
    Socket& socket = *sockets_[shared_];
    if (socket.is_full() || socket.is_spoilt) {
      continue;
    }
    if (!is_worn(socket)) {
      return &socket;
    }
    worn = &socket;
  }
  return worn;
}

void UdpTransport::let_go(Handle handle) noexcept {
  if (const Question* question = questions_.find(handle)) {
    Socket& socket = *question->socket;
    questions_.erase(handle);
    socket.forget(handle);
    if (socket.is_idle()) {
      rest(socket);
    }
  }
}

void UdpTransport::rest(Socket& socket) {
  if (is_worn(socket)) {
    close(socket);
  } else {
    resting_.push_back(&socket);
  }
}

// REQUIRES: it rests no more, and nobody waits there.
void UdpTransport::close(Socket& socket) noexcept {
  const size_t place = socket.place;
  std::swap(sockets_[place], sockets_.back());
  sockets_[place]->place = place;
  sockets_.pop_back();
}

void UdpTransport::on_age() {
  std::erase_if(resting_, [this](Socket* socket) {
    const bool ends = is_worn(*socket);
    if (ends) {
      close(*socket);
    }
    return ends;
  });
  if (!sockets_.empty()) {
    aging_.start(kBetweenLooks);
  }
}

// Neither this socket nor its place is touched after a call that may close it.
bool UdpTransport::Socket::on_reply(Bytes datagram) {
  UdpTransport& transport = transport_;
  const auto found = datagram.size() < kHeaderBytes ? waiting_.end() : find(u16_at(datagram, 0));
  Question* const question = found != waiting_.end() ? transport.questions_.find(found->question) : nullptr;
  if (question == nullptr || !is_reply_to(datagram, question->asked)) {
    transport.counters_.mismatched.add();  // The wait goes on: a wrong reply must not end it.
    return true;
  }
  const Handle handle = found->question;
  const Attempt attempt = question->attempt;
  if (transport.echo_ != nullptr &&
      !transport.echo_->believes(datagram, question->asked.name, question->letter_case, attempt.has_edns)) {
    transport.counters_.doubtful.add();
    transport.events_.on_doubtful(attempt);  // The wait goes on here, too: the true reply may be on its way.
    return true;
  }
  const bool others_wait = waiting_.size() > 1;
  if (!transport.events_.on_response(attempt, datagram)) {
    transport.counters_.garbled.add();
    return true;  // likewise
  }
  transport.counters_.replies.add();
  transport.let_go(handle);
  return others_wait;
}

void UdpTransport::Socket::on_unreachable() {
  // The kernel reports it for the socket, not for a question: everybody who waits here hears of it.
  UdpTransport& transport = transport_;
  is_spoilt = true;
  const Waitings waiting = waiting_;
  for (const Waiting& each : waiting) {
    if (const Question* question = transport.questions_.find(each.question)) {
      const Attempt attempt = question->attempt;
      transport.let_go(each.question);
      transport.events_.on_unreachable(attempt);
    }
  }
}

}  // namespace cenote
