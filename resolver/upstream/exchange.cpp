#include "resolver/upstream/exchange.h"

#include <algorithm>
#include <utility>

namespace cenote {
namespace {

constexpr unsigned kMaxAttempts = 12;  // with few servers the waits run out first; with many this does
constexpr milliseconds kMaxPatience{2000};
// A stream needs a handshake before its answer: three round trips instead of one.
constexpr int kStreamFactor = 3;
// Between two rounds at servers that close on every question; doubles with each attempt.
constexpr milliseconds kLeastPause{25};
constexpr unsigned kMostDoublings = 4;

}  // namespace

Exchange::Exchange(std::span<const Candidate> candidates, MonoTime deadline) : deadline_(deadline) {
  states_.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    State& state = states_.emplace_back();
    state.candidate = candidate;
    state.use_stream = candidate.stream_only;
    state.is_simple = candidate.is_simple;
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

Exchange::State* Exchange::find(uint16_t server) noexcept {
  const auto found = std::find_if(states_.begin(), states_.end(),
                                  [&](const State& each) { return each.candidate.server == server; });
  return found != states_.end() ? &*found : nullptr;
}

Exchange::Action Exchange::send(MonoTime now) {
  if (states_.empty() || now >= deadline_ || attempts_ >= kMaxAttempts) {
    return {Action::Kind::kFail, 0, {}};
  }
  ++attempts_;
  State& state = states_[current_];
  state.use_stream = state.use_stream || state.next_over_stream;
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - now);
  return {state.use_stream ? Action::Kind::kSendStream : Action::Kind::kSendDatagram, state.candidate.server,
          std::min(patience(), left), !state.is_simple};
}

Exchange::Action Exchange::pause(MonoTime now) {
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - now);
  if (left <= milliseconds{0}) {
    return {Action::Kind::kFail, 0, {}};
  }
  is_pausing_ = true;
  return {Action::Kind::kPause, 0, std::min(kLeastPause * (1 << std::min(attempts_, kMostDoublings)), left)};
}

// The list was gone through once more. A wait: there is a server to ask.
Exchange::Action Exchange::begin_round(MonoTime now) {
  current_ = 0;
  ++round_;
  const auto all = [this](auto&& what) { return std::all_of(states_.begin(), states_.end(), what); };
  // A host that refused everybody in this round would only be asked in a tight circle.
  if (all([](const State& each) { return each.is_out(); })) {
    return {Action::Kind::kFail, 0, {}};
  }
  const bool must_pause = all([](const State& each) { return each.is_out() || each.has_closed; });
  for (State& state : states_) {
    state.unreachable = state.has_closed = false;
  }
  return must_pause ? pause(now) : Action{};
}

Exchange::Action Exchange::next(MonoTime now) {
  // One whole turn over the list, starting behind the current one, looking for a server that may still help.
  for (size_t step = 0; step < states_.size(); ++step) {
    if (++current_ == states_.size()) {
      if (const Action action = begin_round(now); action.kind != Action::Kind::kWait) {
        return action;
      }
    }
    if (!states_[current_].over) {
      return send(now);
    }
  }
  return {Action::Kind::kFail, 0, {}};
}

Exchange::Action Exchange::on_reply(uint16_t server, ReplyKind kind, MonoTime now) {
  State* const state = find(server);
  if (kind == ReplyKind::kGood || state == nullptr) {
    return {kind == ReplyKind::kGood ? Action::Kind::kSucceed : Action::Kind::kWait, server, {}};
  }
  const auto ask_again = [&](bool& otherwise) {
    if (state->over || std::exchange(otherwise, true)) {
      return Action{};  // to an earlier attempt; the other one is on its way, or has come
    }
    current_ = static_cast<size_t>(state - states_.data());
    is_pausing_ = false;
    return send(now);
  };
  switch (kind) {
    case ReplyKind::kTruncated:
      return ask_again(state->use_stream);
    case ReplyKind::kNotUnderstood:
      return ask_again(state->is_simple);
    case ReplyKind::kGarbled:
      state->next_over_stream = true;
      return {};
    case ReplyKind::kNonsense:
      state->over = true;
      if (!state->candidate.stream_only) {
        return {};  // what it was asked over UDP may still be answered
      }
      break;
    default:
      state->over = true;
  }
  // A late bad answer of an earlier server changes nothing while the current one may still answer.
  return state == &states_[current_] && !is_pausing_ ? next(now) : Action{};
}

bool Exchange::has_minded(uint16_t server) const noexcept {
  return std::any_of(states_.begin(), states_.end(), [&](const State& each) {
    return each.candidate.server == server && each.is_simple && !each.candidate.is_simple;
  });
}

Exchange::Action Exchange::on_timeout(MonoTime now) {
  return std::exchange(is_pausing_, false) && !states_[current_].over ? send(now) : next(now);
}

Exchange::Action Exchange::on_unreachable(uint16_t server, MonoTime now) {
  return leave(server, &State::unreachable, now);
}

Exchange::Action Exchange::on_closed(uint16_t server, MonoTime now) {
  return leave(server, &State::has_closed, now);
}

// For this round.
Exchange::Action Exchange::leave(uint16_t server, bool State::*why, MonoTime now) {
  if (is_pausing_ || states_[current_].candidate.server != server) {
    return {};
  }
  states_[current_].*why = true;
  return next(now);
}

}  // namespace cenote
