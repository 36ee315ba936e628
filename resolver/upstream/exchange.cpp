#include "resolver/upstream/exchange.h"

#include <algorithm>

namespace cenote {
namespace {

constexpr unsigned kMaxAttempts = 12;  // with few servers the waits run out first; with many this does
constexpr milliseconds kMaxPatience{2000};
// A stream needs a handshake before its answer: three round trips instead of one.
constexpr int kStreamFactor = 3;

}  // namespace

Exchange::Exchange(std::span<const Candidate> candidates, MonoTime now) : deadline_(now + kTotal) {
  states_.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    states_.push_back({candidate, false, candidate.stream_only, false});
  }
}

milliseconds Exchange::patience() const noexcept {
  const State& state = states_[current_];
  milliseconds wait = state.candidate.patience * (state.use_stream ? kStreamFactor : 1);
  for (unsigned i = 0; i < round_ && wait < kMaxPatience; ++i) {
    wait *= 2;
  }
  return std::min(wait, kMaxPatience);
}

Exchange::Action Exchange::send(MonoTime now) {
  if (states_.empty() || now >= deadline_ || attempts_ >= kMaxAttempts) {
    return {Action::Kind::kFail, 0, {}};
  }
  ++attempts_;
  const State& state = states_[current_];
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - now);
  return {state.use_stream ? Action::Kind::kSendStream : Action::Kind::kSendDatagram, state.candidate.server,
          std::min(patience(), left)};
}

Exchange::Action Exchange::next(MonoTime now) {
  // One whole turn over the list, starting behind the current one, looking for a server that may still help.
  for (size_t step = 0; step < states_.size(); ++step) {
    if (++current_ == states_.size()) {
      current_ = 0;
      ++round_;
      // A host that refused everybody in this round would only be asked in a tight circle.
      const bool hopeless =
          std::all_of(states_.begin(), states_.end(), [](const State& s) { return s.over || s.unreachable; });
      if (hopeless) {
        return {Action::Kind::kFail, 0, {}};
      }
      for (State& state : states_) {
        state.unreachable = false;
      }
    }
    if (!states_[current_].over) {
      return send(now);
    }
  }
  return {Action::Kind::kFail, 0, {}};
}

Exchange::Action Exchange::on_reply(uint16_t server, ReplyKind kind, MonoTime now) {
  if (kind == ReplyKind::kGood) {
    return {Action::Kind::kSucceed, server, {}};
  }
  const bool is_current = states_[current_].candidate.server == server;
  for (State& state : states_) {
    if (state.candidate.server != server) {
      continue;
    }
    if (kind == ReplyKind::kTruncated) {
      if (state.use_stream) {
        return {};  // to an earlier attempt over UDP; the stream is on its way
      }
      state.use_stream = true;
      current_ = static_cast<size_t>(&state - states_.data());
      return send(now);
    }
    state.over = true;
  }
  // A late bad answer of an earlier server changes nothing while the current one may still answer.
  return is_current ? next(now) : Action{};
}

Exchange::Action Exchange::on_timeout(MonoTime now) {
  return next(now);
}

Exchange::Action Exchange::on_unreachable(uint16_t server, MonoTime now) {
  if (states_[current_].candidate.server != server) {
    return {};
  }
  states_[current_].unreachable = true;
  return next(now);
}

}  // namespace cenote
