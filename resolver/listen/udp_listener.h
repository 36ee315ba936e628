// DNS over UDP on one address, for one worker: hands each datagram to the pipeline and sends what it answers.
#pragma once

#include "resolver/query/pipeline.h"

namespace cenote {

class UdpListener final : UdpServer::Handler, ReplySink {
 public:
  static Result<std::unique_ptr<UdpListener>> open(Loop& loop, const SocketAddress& address,
                                                   Pipeline& pipeline);

  void start() { server_->start(); }
  // Receives no more, but serves what has arrived: those clients were promised an answer.
  void stop() {
    server_->stop();
    server_->drain();
  }
  [[nodiscard]] const SocketAddress& local() const noexcept { return server_->local(); }
  [[nodiscard]] const UdpServer::Counters& counters() const noexcept { return server_->counters(); }

 private:
  explicit UdpListener(Pipeline& pipeline) : pipeline_(pipeline) {}
  size_t on_datagram(const UdpPeer& peer, MutableBytes buffer, size_t size) noexcept override;
  void reply(const ReplyPath& path, Bytes message) noexcept override;

  Pipeline& pipeline_;
  std::unique_ptr<UdpServer> server_;
};

}  // namespace cenote
