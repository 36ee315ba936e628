#include "resolver/upstream/stream_transport.h"

#include <algorithm>
#include <numeric>

namespace cenote {
namespace {

// More at once than any server answers in good time.
constexpr size_t kMostWaiting = 512;
// Only a server that takes few questions a connection is asked over more than one.
constexpr size_t kMostLanes = 8;
// Once may be a server that closed an idle connection as the question came.
constexpr unsigned kMostCuts = 2;

}  // namespace

StreamTransport::StreamTransport(Loop& loop, StreamServer server, Random& random, TransportEvents& events)
    : loop_(loop), server_(std::move(server)), random_(random), events_(events), most_on_one_(kMostWaiting) {}

StreamTransport::~StreamTransport() = default;

bool StreamTransport::send(const Attempt& attempt, const UpstreamQuestion& question) {
  if (waiting() >= kMostWaiting) {
    return false;
  }
  queue_.push_back({attempt, question});
  send_queued();
  return true;
}

void StreamTransport::cancel(Handle exchange) noexcept {
  std::erase_if(queue_, [&](const StreamQuestion& each) { return each.attempt.exchange == exchange; });
  for (const auto& lane : lanes_) {
    lane->cancel(exchange);
  }
  send_queued();
}

StreamLane* StreamTransport::find_lane() {
  const auto free = std::find_if(lanes_.begin(), lanes_.end(), [this](const auto& lane) {
    return lane->takes_more() && lane->waiting() < most_on_one_;
  });
  const auto busy = static_cast<size_t>(std::count_if(lanes_.begin(), lanes_.end(), [](const auto& lane) {
    return lane->takes_more() && lane->waiting() != 0;
  }));
  if (free != lanes_.end()) {
    return (*free)->waiting() != 0 || busy < most_lanes_ ? free->get() : nullptr;
  }
  if (busy >= most_lanes_ || lanes_.size() >= kMostLanes) {
    return nullptr;
  }
  StreamLaneEvents& events = *this;
  return lanes_.emplace_back(std::make_unique<StreamLane>(loop_, server_, random_, events)).get();
}

size_t StreamTransport::waiting() const noexcept {
  return std::accumulate(lanes_.begin(), lanes_.end(), queue_.size(),
                         [](size_t sum, const auto& lane) { return sum + lane->waiting(); });
}

void StreamTransport::send_queued() {
  while (!queue_.empty()) {
    StreamLane* const lane = find_lane();
    if (lane == nullptr) {
      return;  // one of them will end, or have an answer
    }
    if (lane->send(queue_.front())) {
      queue_.pop_front();
    }
  }
}

void StreamTransport::on_answer(const Attempt& attempt, Bytes message) {
  // A connection that has gone on after as many answers as it may have questions can take more.
  const bool is_steady = std::any_of(lanes_.begin(), lanes_.end(), [this](const auto& lane) {
    return lane->is_connected() && lane->answered() > most_on_one_;
  });
  if (is_steady) {
    most_on_one_ = std::min(2 * most_on_one_, kMostWaiting);
  }
  events_.on_response(attempt, message);
  send_queued();
}

void StreamTransport::on_refused(const Attempt& attempt) {
  events_.on_unreachable(attempt);
  send_queued();
}

void StreamTransport::on_put_back(StreamQuestion question) {
  if (++question.cuts < kMostCuts) {
    queue_.push_front(question);
  } else {
    events_.on_closed(question.attempt);
  }
  send_queued();
}

void StreamTransport::on_cut(std::vector<StreamQuestion> left, size_t answered) {
  // One question that met the end of a connection that had worked is chance; the rest is a habit.
  if (left.size() > 1 || (answered == 0 && !left.empty())) {
    most_on_one_ = std::clamp<size_t>(answered, 1, most_on_one_);
  }
  // Who ends them unheard may have too many of them.
  if (answered == 0) {
    most_lanes_ = std::max<size_t>(most_lanes_ / 2, 1);
  } else if (left.size() > 1 || !queue_.empty()) {
    most_lanes_ = kMostLanes;
  }
  std::vector<Attempt> given_up;
  for (auto each = left.rbegin(); each != left.rend(); ++each) {
    each->cuts += answered == 0 ? 1 : 0;
    if (each->cuts < kMostCuts) {
      queue_.push_front(*each);  // before those who came later
    } else {
      given_up.push_back(each->attempt);
    }
  }
  for (const Attempt& attempt : given_up) {
    events_.on_closed(attempt);
  }
  send_queued();
}

uint64_t StreamTransport::connections() const noexcept {
  return std::accumulate(lanes_.begin(), lanes_.end(), uint64_t{0},
                         [](uint64_t sum, const auto& lane) { return sum + lane->connections(); });
}

bool StreamTransport::is_connected() const noexcept {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->is_connected(); });
}

}  // namespace cenote
