#include "resolver/net/stream.h"

#include <csignal>
#include <vector>

#include <uv.h>

#include "resolver/base/descriptors.h"
#include "resolver/net/loop.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// One read buffer a thread: libuv fills it and hands it to on_read before it asks again.
constexpr size_t kReadSize = 64 * 1024;
// Queue buffers beyond this are given back when they run empty: most streams never queue at all.
constexpr size_t kKeptQueue = 16 * 1024;

void ignore_sigpipe() {
  // libuv writes without MSG_NOSIGNAL: a peer that resets would end the process.
  static const auto ignored = std::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(ignored);
}

}  // namespace

struct Stream::Wire {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  Loop& loop;                       // outlives the handle
  uint64_t read_turn = UINT64_MAX;  // the loop's turn in which it was read last
  size_t read_bytes = 0;            // in that turn
  Stream* owner = nullptr;          // null once the Stream has gone
  StreamEvents* events = nullptr;
  std::unique_ptr<TlsSession> tls;
  uv_connect_t connecting{};
  uv_write_t writing{};
  uv_shutdown_t shutting{};
  std::vector<uint8_t> in_flight;  // belongs to libuv until on_written
  std::vector<uint8_t> waiting;
  StreamEnd end = StreamEnd::kBroken;
  std::string why;
  bool connected = false;
  bool tls_open = false;
  bool reading = true;
  bool finishing = false;
  bool closing = false;

  Wire(Loop& on, bool is_unix, Stream* stream_owner) : handle{}, loop(on), owner(stream_owner) {
    ignore_sigpipe();
    if (is_unix) {
      uv_pipe_init(loop.raw(), &pipe, 0);
    } else {
      uv_tcp_init(loop.raw(), &tcp);
    }
    handle.data = this;
  }

  static Wire& of(void* data) noexcept { return *static_cast<Wire*>(data); }
  [[nodiscard]] bool is_live() const noexcept { return owner != nullptr && !closing; }

  void end_with(StreamEnd reason, std::string text) noexcept;
  void close() noexcept;
  void begin() noexcept;
  void update_reading() noexcept;
  size_t take_share() noexcept;
  void on_connected(int status) noexcept;
  void on_read(ssize_t size, const uint8_t* bytes) noexcept;
  void on_written(int status) noexcept;
  void pump_tls() noexcept;
  void flush_tls() noexcept;
  void write(Bytes bytes) noexcept;
  void write_waiting() noexcept;
  void say_goodbye() noexcept;
};

// The owner hears of the end from the close callback, so never from within a call of its own.
void Stream::Wire::end_with(StreamEnd reason, std::string text) noexcept {
  if (!closing) {
    end = reason;
    why = std::move(text);
    close();
  }
}

void Stream::Wire::close() noexcept {
  if (closing) {
    return;
  }
  closing = true;
  uv_close(&handle, [](uv_handle_t* closed) {
    const std::unique_ptr<Wire> self(&of(closed->data));
    if (self->owner != nullptr) {
      self->owner->wire_ = nullptr;
      self->events->on_closed(self->end, self->why);
    }
  });
}

void Stream::Wire::begin() noexcept {
  connected = true;
  if (handle.type == UV_TCP) {
    uv_tcp_nodelay(&tcp, 1);  // Small answers must not wait for the peer's delayed acknowledgement.
    sockaddr_storage address{};
    int size = sizeof(address);
    if (uv_tcp_getsockname(&tcp, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      owner->local_ = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
    }
  }
}

void Stream::Wire::update_reading() noexcept {
  if (!connected || closing) {
    return;
  }
  if (!reading) {
    uv_read_stop(&stream);
    return;
  }
  uv_read_start(
      &stream,
      [](uv_handle_t* from, size_t, uv_buf_t* buffer) {
        static thread_local const auto bytes = std::make_unique<char[]>(kReadSize);
        *buffer = uv_buf_init(bytes.get(), static_cast<unsigned>(of(from->data).take_share()));
      },
      [](uv_stream_t* from, ssize_t size, const uv_buf_t* buffer) {
        of(from->data).on_read(size, reinterpret_cast<const uint8_t*>(buffer->base));
      });
}

// How much may be read now. 0: its share of this turn is used up; libuv then reads nothing, reports
// UV_ENOBUFS, and asks again in the next turn.
size_t Stream::Wire::take_share() noexcept {
  if (read_turn != loop.turn()) {
    read_turn = loop.turn();
    read_bytes = 0;
    loop.count_reader();
    loop.doing("reading a connection");
  }
  const size_t share = std::min(loop.read_share(), kReadSize);
  return read_bytes < share ? share - read_bytes : 0;
}

void Stream::Wire::on_connected(int status) noexcept {
  if (!is_live()) {
    return;
  }
  if (status != 0) {
    end_with(StreamEnd::kConnectFailed, uv_strerror(status));
    return;
  }
  begin();
  update_reading();
  if (tls != nullptr) {
    pump_tls();
    return;
  }
  events->on_ready();
  if (is_live()) {
    write_waiting();
  }
}

void Stream::Wire::on_read(ssize_t size, const uint8_t* bytes) noexcept {
  if (size == 0 || size == UV_ENOBUFS || !is_live()) {
    return;  // Zero is libuv's "nothing now"; no buffer: the turn's share is used up.
  }
  if (size > 0) {
    read_bytes += static_cast<size_t>(size);
    loop.spend(static_cast<size_t>(size));
  }
  if (size == UV_EOF) {
    end_with(StreamEnd::kPeerClosed, "closed by the peer");
  } else if (size < 0) {
    end_with(StreamEnd::kBroken, uv_strerror(static_cast<int>(size)));
  } else if (finishing) {
    return;
  } else if (tls == nullptr) {
    events->on_bytes({bytes, static_cast<size_t>(size)});
    if (is_live() && tls != nullptr) {  // since this call
      pump_tls();
    }
  } else {
    tls->receive({bytes, static_cast<size_t>(size)});
    pump_tls();
  }
}

// Takes the session as far as its input goes: handshake, plain text out, alerts and acknowledgements back.
void Stream::Wire::pump_tls() noexcept {
  static thread_local const auto plain = std::make_unique<std::array<uint8_t, TlsSession::kMaxRecord>>();
  for (;;) {
    const size_t size = tls->read(*plain);
    flush_tls();
    if (!is_live()) {
      return;
    }
    if (!tls_open && tls->is_open()) {
      tls_open = true;
      events->on_ready();
    }
    if (size == 0 || !is_live() || finishing) {
      break;
    }
    events->on_bytes(Bytes(*plain).first(size));
    if (!is_live()) {
      return;
    }
  }
  if (tls->is_failed()) {
    end_with(StreamEnd::kTlsFailed, std::string(tls->failure()));
  } else if (tls->is_closed_by_peer()) {
    end_with(StreamEnd::kPeerClosed, "closed by the peer");
  }
}

void Stream::Wire::flush_tls() noexcept {
  write(tls->output());
  tls->clear_output();
}

void Stream::Wire::write(Bytes bytes) noexcept {
  if (closing || bytes.empty()) {
    return;
  }
  if (connected && in_flight.empty() && waiting.empty()) {
    const uv_buf_t buffer =
        uv_buf_init(const_cast<char*>(as_text(bytes).data()), static_cast<unsigned>(bytes.size()));
    const int written = uv_try_write(&stream, &buffer, 1);
    if (written < 0 && written != UV_EAGAIN) {
      end_with(StreamEnd::kBroken, uv_strerror(written));
      return;
    }
    bytes = bytes.subspan(static_cast<size_t>(std::max(written, 0)));
  }
  waiting.insert(waiting.end(), bytes.begin(), bytes.end());
  write_waiting();
}

void Stream::Wire::write_waiting() noexcept {
  if (!connected || closing || !in_flight.empty() || waiting.empty()) {
    return;
  }
  in_flight.swap(waiting);
  const uv_buf_t buffer =
      uv_buf_init(reinterpret_cast<char*>(in_flight.data()), static_cast<unsigned>(in_flight.size()));
  const int status = uv_write(&writing, &stream, &buffer, 1, [](uv_write_t* done, int result) {
    of(done->handle->data).on_written(result);
  });
  if (status != 0) {
    end_with(StreamEnd::kBroken, uv_strerror(status));
  }
}

void Stream::Wire::on_written(int status) noexcept {
  in_flight.clear();
  if (in_flight.capacity() > kKeptQueue) {
    in_flight = {};
  }
  if (closing) {
    return;
  }
  if (status != 0) {
    end_with(StreamEnd::kBroken, uv_strerror(status));
    return;
  }
  write_waiting();
  if (in_flight.empty() && finishing) {
    say_goodbye();
  } else if (in_flight.empty() && owner != nullptr) {
    events->on_drained();
  }
}

void Stream::Wire::say_goodbye() noexcept {
  uv_shutdown(&shutting, &stream, [](uv_shutdown_t*, int) {});
}

std::unique_ptr<Stream> Stream::connect(Loop& loop, const SocketAddress& peer) {
  std::unique_ptr<Stream> stream(new Stream(false));
  stream->peer_ = peer;
  stream->wire_ = new Wire(loop, false, stream.get());
  Wire& wire = *stream->wire_;
  const int status = uv_tcp_connect(
      &wire.connecting, &wire.tcp, peer.data(),
      [](uv_connect_t* request, int result) { Wire::of(request->handle->data).on_connected(result); });
  if (status != 0) {
    wire.end_with(StreamEnd::kConnectFailed, uv_strerror(status));
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
  set_reading(true);
  wire_->finishing = true;
  if (pending_bytes() == 0 && !wire_->closing) {
    wire_->say_goodbye();
  }
}

const TlsSession* Stream::tls() const noexcept {
  return wire_ == nullptr ? nullptr : wire_->tls.get();
}

}  // namespace cenote
