// The libuv side of a Stream. Included by stream.cpp and stream_wire.cpp alone.
#pragma once

#include <vector>

#include <uv.h>

#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/net/tls.h"

namespace cenote {

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
  bool is_ended = false;  // the peer has said its last word over TLS; the owner hears it when it reads again
  bool taking = false;    // in a call of take()
  bool input_ended = false;  // the owner knows that nothing more comes, and has answers to give
  bool has_fin = false;      // and the kernel has said so, too: it is not asked again

  Wire(Loop& on, bool is_unix, Stream* stream_owner);

  static Wire& of(void* data) noexcept { return *static_cast<Wire*>(data); }
  [[nodiscard]] bool is_live() const noexcept { return owner != nullptr && !closing; }

  void end_with(StreamEnd reason, std::string text) noexcept;
  void close() noexcept;
  void begin() noexcept;
  void update_reading() noexcept;
  size_t take_share() noexcept;
  void on_connected(int status) noexcept;
  void on_read(ssize_t size, const uint8_t* bytes) noexcept;
  void take(Bytes bytes);
  void on_written(int status) noexcept;
  void end_by_peer();
  template <typename Work>
  void survive(Work&& work) noexcept;
  void pump_tls();
  void flush_tls() noexcept;
  void write(Bytes bytes) noexcept;
  void write_waiting() noexcept;
  void say_goodbye() noexcept;
};

// Memory that runs out for one stream ends that stream: an exception that left here would end the process.
template <typename Work>
void Stream::Wire::survive(Work&& work) noexcept {
  try {
    work();
  } catch (const std::exception&) {             // mostly std::bad_alloc
    end_with(StreamEnd::kBroken, "no memory");  // short enough to need none
  }
}

}  // namespace cenote
