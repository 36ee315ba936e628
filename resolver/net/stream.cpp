#include <netinet/tcp.h>

#include "resolver/base/descriptors.h"
#include "resolver/net/stream_wire.h"

namespace cenote {

std::unique_ptr<Stream> Stream::connect(Loop& loop, const SocketAddress& peer) {
  std::unique_ptr<Stream> stream(new Stream(false));
  stream->peer_ = peer;
  stream->wire_ = new Wire(loop, false, stream.get());
  Wire& wire = *stream->wire_;
  const int status = uv_tcp_connect(
      &wire.connecting, &wire.tcp, peer.data(),
      [](uv_connect_t* request, int result) { Wire::of(request->handle->data).on_connected(result); });
  if (status != 0) {
    wire.end_with(is_want_of_room(-status) ? StreamEnd::kBroken : StreamEnd::kConnectFailed,
                  uv_strerror(status));
  }
  return stream;
}

std::unique_ptr<Stream> Stream::connect(Loop& loop, const std::string& unix_path) {
  std::unique_ptr<Stream> stream(new Stream(true));
  stream->wire_ = new Wire(loop, true, stream.get());
  Wire& wire = *stream->wire_;
  uv_pipe_connect(&wire.connecting, &wire.pipe, unix_path.c_str(), [](uv_connect_t* request, int result) {
    Wire::of(request->handle->data).on_connected(result);
  });
  return stream;
}

std::unique_ptr<Stream> Stream::accept(Loop& loop, uv_stream_s* listener, bool is_unix) {
  std::unique_ptr<Stream> stream(new Stream(is_unix));
  stream->wire_ = new Wire(loop, is_unix, stream.get());
  Wire& wire = *stream->wire_;
  if (uv_accept(listener, &wire.stream) != 0) {
    return nullptr;
  }
  uv_os_fd_t descriptor = -1;
  // The Unix socket is the operators' way in: it stays open when clients have taken all they may.
  if (!is_unix && uv_fileno(&wire.handle, &descriptor) == 0 && descriptor >= first_kept_descriptor()) {
    return nullptr;
  }
  wire.begin();
  sockaddr_storage address{};
  int size = sizeof(address);
  if (!is_unix && uv_tcp_getpeername(&wire.tcp, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    stream->peer_ = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  }
  return stream;
}

Stream::~Stream() {
  close();
}

void Stream::close() noexcept {
  if (wire_ != nullptr) {
    wire_->owner = nullptr;
    wire_->close();
    wire_ = nullptr;
  }
}

void Stream::start(StreamEvents& events) {
  start(events, nullptr);
}

void Stream::start(StreamEvents& events, std::unique_ptr<TlsSession> tls) {
  wire_->events = &events;
  wire_->tls = std::move(tls);
  wire_->update_reading();
}

void Stream::secure(std::unique_ptr<TlsSession> tls, Bytes received) {
  wire_->tls = std::move(tls);
  wire_->tls->receive(received);
  if (!wire_->taking) {
    wire_->survive([wire = wire_] { wire->pump_tls(); });
  }
}

bool Stream::send(Bytes bytes) {
  if (wire_ == nullptr || wire_->closing || wire_->finishing) {
    return true;
  }
  if (pending_bytes() > send_limit_) {
    return false;
  }
  if (wire_->tls == nullptr) {
    wire_->write(bytes);
  } else {
    wire_->tls->send(bytes);
    wire_->flush_tls();
  }
  return true;
}

size_t Stream::pending_bytes() const noexcept {
  return wire_ == nullptr
             ? 0
             : wire_->in_flight.size() + wire_->waiting.size() + (wire_->tls ? wire_->tls->kept_bytes() : 0);
}

void Stream::set_reading(bool on) {
  if (wire_ != nullptr && wire_->reading != on && !wire_->finishing) {
    wire_->reading = on;
    wire_->update_reading();
    if (on && wire_->is_ended) {
      wire_->survive([wire = wire_] { wire->end_by_peer(); });
    }
  }
}

void Stream::finish() {
  if (wire_ == nullptr || wire_->closing || wire_->finishing) {
    return;
  }
  if (!wire_->connected) {
    wire_->end_with(StreamEnd::kPeerClosed, "finished before it was connected");
    return;
  }
  if (wire_->tls != nullptr) {
    wire_->tls->close();
    wire_->flush_tls();
  }
  wire_->is_ended = false;  // what we have to say goes first; the end of its connection follows
  set_reading(true);
  wire_->finishing = true;
  if (pending_bytes() == 0 && !wire_->closing) {
    wire_->say_goodbye();
  }
}

bool Stream::is_reset() const noexcept {
  uv_os_fd_t descriptor = -1;
  tcp_info info{};
  socklen_t size = sizeof(info);
  return wire_ != nullptr && !is_unix_ && uv_fileno(&wire_->handle, &descriptor) == 0 &&
         getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE;
}

const TlsSession* Stream::tls() const noexcept {
  return wire_ == nullptr ? nullptr : wire_->tls.get();
}

}  // namespace cenote
