#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <unistd.h>
#include <uv.h>

#include "resolver/base/descriptors.h"
#include "resolver/base/log.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"

namespace cenote {
namespace {

constexpr mode_t kUnixMode = 0660;  // the service's user and group: whoever may connect is an operator

// A descriptor until libuv owns it.
class Socket {
 public:
  explicit Socket(int family) : descriptor_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }

  [[nodiscard]] bool is_valid() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  int release() noexcept { return std::exchange(descriptor_, -1); }
  [[nodiscard]] bool enable(int level, int option) const noexcept {
    const int on = 1;
    return setsockopt(descriptor_, level, option, &on, sizeof(on)) == 0;
  }

 private:
  int descriptor_;
};

Error last_error() {
  return fail("{}", uv_strerror(uv_translate_sys_error(errno)));
}

Result<Socket> bind_tcp(const SocketAddress& address, bool reuse_port) {
  Socket bound(address.is_v4() ? AF_INET : AF_INET6);
  // REUSEADDR: a restart must not wait for the TIME_WAIT of old connections.
  if (!bound.is_valid() || !bound.enable(SOL_SOCKET, SO_REUSEADDR) ||
      (reuse_port && !bound.enable(SOL_SOCKET, SO_REUSEPORT)) ||
      (!address.is_v4() && !bound.enable(IPPROTO_IPV6, IPV6_V6ONLY)) ||
      bind(bound.get(), address.data(), address.size()) != 0) {
    return last_error();
  }
  return bound;
}

bool answers(const sockaddr_un& address) {
  const Socket probe(AF_UNIX);
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno == EAGAIN;
}

Result<Socket> bind_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return fail("the path must have 1 to {} bytes", sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return fail("a file that is no socket is in the way");
    }
    if (answers(address)) {
      return fail("address already in use");
    }
    unlink(path.c_str());  // left behind by a process that was killed
  }
  Socket bound(AF_UNIX);
  // Nobody can connect before listen(), so that there is no moment with a wider mode.
  if (!bound.is_valid() ||
      bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), kUnixMode) != 0) {
    return last_error();
  }
  return bound;
}

}  // namespace

Result<std::unique_ptr<StreamListener>> StreamListener::listen(Loop& loop, const SocketAddress& address,
                                                               StreamAcceptor& acceptor,
                                                               ListenOptions options) {
  std::unique_ptr<StreamListener> listener(new StreamListener(loop, acceptor));
  auto bound = bind_tcp(address, options.reuse_port);
  const auto opened = bound ? listener->open(bound->release(), options.backlog) : Result<void>(bound.error());
  if (!opened) {
    return opened.error().within(fmt::format("listen on {} (TCP)", address.to_text()));
  }
  return listener;
}

Result<std::unique_ptr<StreamListener>> StreamListener::listen(Loop& loop, const std::string& unix_path,
                                                               StreamAcceptor& acceptor,
                                                               ListenOptions options) {
  std::unique_ptr<StreamListener> listener(new StreamListener(loop, acceptor));
  auto bound = bind_unix(unix_path);
  if (bound) {
    listener->unix_path_ = unix_path;
  }
  const auto opened = bound ? listener->open(bound->release(), options.backlog) : Result<void>(bound.error());
  if (!opened) {
    return opened.error().within(fmt::format("listen on {} (Unix socket)", unix_path));
  }
  return listener;
}

// Takes the descriptor over.
Result<void> StreamListener::open(int descriptor, int backlog) {
  int status = 0;
  if (unix_path_.empty()) {
    auto* tcp = new uv_tcp_t;
    handle_ = reinterpret_cast<uv_stream_t*>(tcp);
    uv_tcp_init(loop_.raw(), tcp);
    status = uv_tcp_open(tcp, descriptor);
  } else {
    auto* pipe = new uv_pipe_t;
    handle_ = reinterpret_cast<uv_stream_t*>(pipe);
    uv_pipe_init(loop_.raw(), pipe, 0);
    status = uv_pipe_open(pipe, descriptor);
  }
  handle_->data = this;
  if (status == 0) {
    status = uv_listen(handle_, backlog, [](uv_stream_t* handle, int result) {
      auto* self = static_cast<StreamListener*>(handle->data);
      if (self != nullptr && result == 0) {  // else out of descriptors: libuv refuses the connection
        self->on_connection();
      }
    });
  }
  if (status != 0) {
    return fail("{}", uv_strerror(status));
  }
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (unix_path_.empty() && getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    local_ = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  }
  return {};
}

// libuv brings one connection after the other without an end, until one is not accepted at once.
void StreamListener::on_connection() {
  constexpr unsigned kMostInTurn = 32;  // with TLS some 2 ms
  if (accept_turn_ != loop_.turn()) {
    accept_turn_ = loop_.turn();
    accepted_ = 0;
  }
  if (++accepted_ > kMostInTurn) {
    next_turn_.ask();
    return;
  }
  accept();
}

void StreamListener::accept() {
  constexpr seconds kBetweenLines{60};
  loop_.doing("accepting a connection");
  if (auto stream = Stream::accept(loop_, handle_, !unix_path_.empty())) {
    acceptor_.on_stream(*this, std::move(stream));
    return;
  }
  acceptor_.on_no_descriptor();
  if (loop_.now() - refusal_told_ >= kBetweenLines) {
    refusal_told_ = loop_.now();
    log::error(
        "connections to {} are refused: {} descriptors are in use, the rest is kept for upstreams and "
        "files (raise the limit of open files)",
        local_.to_text(), first_kept_descriptor());
  }
}

StreamListener::~StreamListener() {
  if (handle_ != nullptr) {
    handle_->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle_), [](uv_handle_t* closed) {
      if (closed->type == UV_TCP) {
        delete reinterpret_cast<uv_tcp_t*>(closed);
      } else {
        delete reinterpret_cast<uv_pipe_t*>(closed);
      }
    });
  }
  if (!unix_path_.empty()) {
    unlink(unix_path_.c_str());
  }
}

}  // namespace cenote
