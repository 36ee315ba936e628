// Questions over TCP, TLS or HTTPS. One connection takes all of them, as long as its server can. Where it
// ends connections while questions wait, each takes fewer, down to one, and there are several side by side,
// as long as they bring answers. Who has got no answer is asked again. One worker's.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "resolver/upstream/stream_lane.h"

namespace cenote {

class StreamTransport final : StreamLaneEvents {
 public:
  StreamTransport(Loop& loop, StreamServer server, Random& random, TransportEvents& events);
  ~StreamTransport();

  // False: too many wait, or it cannot be sent; nothing will be reported.
  bool send(const Attempt& attempt, const UpstreamQuestion& question);
  void cancel(Handle exchange) noexcept;

  [[nodiscard]] uint64_t connections() const noexcept;  // made so far
  [[nodiscard]] bool is_connected() const noexcept;

 private:
  void on_answer(const Attempt& attempt, Bytes message) override;
  void on_refused(const Attempt& attempt) override;
  void on_put_back(StreamQuestion question) override;
  void on_cut(std::vector<StreamQuestion> left, size_t answered) override;
  [[nodiscard]] StreamLane* find_lane();
  [[nodiscard]] size_t waiting() const noexcept;
  void send_queued();

  Loop& loop_;
  const StreamServer server_;
  Random& random_;
  TransportEvents& events_;
  std::vector<std::unique_ptr<StreamLane>> lanes_;
  std::deque<StreamQuestion> queue_;  // until a lane has room
  size_t most_on_one_;                // questions on one connection at a time
  size_t most_lanes_ = 1;
};

}  // namespace cenote
