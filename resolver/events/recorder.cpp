#include "resolver/events/recorder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "resolver/base/log.h"
#include "resolver/events/event_json.h"

namespace cenote {
namespace {

// Holds more than a second of 4,000 usual hits: far more than people cause, and a flood is dropped and
// counted.
constexpr size_t kRingBytes = 512 * 1024;
// How long a hit may wait to be seen. Polling costs a hundred wake-ups a second on one thread; being woken
// would cost the worker a system call for each hit.
constexpr milliseconds kPollInterval{10};
// From so many on the next are not waited for.
constexpr size_t kFlood = 1024;
// Lines that wait for the reader of a pipe, which itself takes 64 KiB: some thousand hits, while he rotates
// his own files or starts again.
constexpr size_t kMostWaiting = 1024 * 1024;
// Of one ring in a row: no more than it holds, so that who fills it does not keep the others waiting.
constexpr size_t kMostInARow = kRingBytes / PackedEvent::kLeastBytes;

}  // namespace

Recorder::Recorder(EventSettings settings, Faults* faults)
    : settings_(std::move(settings)), faults_(faults), condenser_(static_cast<uint64_t>(settings_.rate)) {}

Recorder::~Recorder() {
  stop();
  if (file_ >= 0) {
    ::close(file_);
  }
}

EventRing& Recorder::add_ring() {
  rings_.push_back(std::make_unique<EventRing>(kRingBytes));
  return *rings_.back();
}

Result<void> Recorder::open_file() {
  if (settings_.file.empty()) {
    return {};
  }
  // It may be a pipe: neither the start nor the recorder waits for who reads it.
  const int file =
      ::open(settings_.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
  if (file < 0) {
    return fail("open the event file {}: {}", settings_.file, std::strerror(errno));
  }
  if (file_ >= 0) {
    ::close(file_);
  }
  file_ = file;
  if (has_rest_) {  // of a line that began in the old file
    const size_t end = buffer_.find('\n');
    unwritten_.add(end != 0 ? 1 : 0);
    buffer_.erase(0, end + 1);
    has_rest_ = false;
  }
  return {};
}

Result<void> Recorder::start() {
  Result<void> opened = open_file();
  if (!opened) {
    say(opened.error());
  }
  thread_ = std::thread([this] { run(); });
  return opened;
}

void Recorder::say(const Error& error) {
  if (faults_ != nullptr) {
    faults_->off(Part::kEventFile, error.message);
  } else {
    log::error("{}", error.message);
  }
}

void Recorder::open_again() {
  if (auto opened = open_file(); opened) {
    failing_ = false;  // the next write that fails is said again
    if (faults_ != nullptr) {
      faults_->clear(Part::kEventFile);
    }
  } else if (file_ >= 0) {
    log::error("{}; the old file stays in use", opened.error().message);
  } else {
    say(opened.error());
  }
}

void Recorder::stop() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Recorder::run() {
  while (!stopping_) {
    if (reopen_.exchange(false)) {
      open_again();
    }
    // Few at a time cost a system call and a cache line of the writer's for each; a flood must not wait.
    if (drain_all() < kFlood) {
      std::this_thread::sleep_for(kPollInterval);
    }
  }
  drain_all();  // all that there is, for a ring holds no more
  condenser_.give_all([this](const EventView& event) { record(event); });
  flush();
  unwritten_.add(static_cast<uint64_t>(std::count(buffer_.begin(), buffer_.end(), '\n')));
}

// A worker on the same processor waits for no more than one step, unless some would be lost.
size_t Recorder::drain_all() {
  size_t count = 0;
  for (const auto& ring : rings_) {
    size_t taken = 0;
    size_t step = EventRing::kMostTaken;
    while (step != 0 && taken < kMostInARow) {
      step = ring->drain(EventRing::kMostTaken, [&](std::span<const PackedEvent> events) { take(events); });
      taken += step;
      if (!ring->is_filling()) {
        std::this_thread::yield();
      }
    }
    count += taken;
  }
  condenser_.give(mono_now(), [this](const EventView& event) { record(event); });
  flush();
  return count;
}

void Recorder::take(std::span<const PackedEvent> events) {
  recorded_.add(events.size());
  const MonoTime now = mono_now();
  std::array<PackedEvent, EventRing::kMostTaken> chosen;
  size_t count = 0;
  for (const PackedEvent event : events) {
    if (condenser_.take(event, now)) {
      chosen[count++] = event;
      write(event.view());
    }
  }
  history_.add(std::span(chosen).first(count));
}

void Recorder::record(const EventView& event) {
  history_.add(event);
  write(event);
}

void Recorder::write(const EventView& event) {
  if (file_ >= 0) {
    append_json_line(buffer_, event);
    buffer_ += '\n';
  } else if (!settings_.file.empty()) {
    unwritten_.add();
  }
}

void Recorder::flush() {
  if (buffer_.empty()) {
    return;
  }
  if (torn_ && !has_rest_) {
    buffer_.insert(0, 1, '\n');  // ends the half line that the last write left
  }
  const size_t done = write_out();
  const int error = errno;
  torn_ = done > 0 ? buffer_[done - 1] != '\n' : torn_;
  has_rest_ = false;
  if (done == buffer_.size()) {
    if (failing_ && faults_ != nullptr) {
      faults_->clear(Part::kEventFile);
    }
    failing_ = false;
    buffer_.clear();
  } else if (error == EAGAIN) {
    keep_waiting(done);
  } else {
    lose(std::max<size_t>(done, buffer_.front() == '\n' ? 1 : 0), std::strerror(error));
    buffer_.clear();
  }
}

// How many bytes of the buffer the file took; errno says why not all.
size_t Recorder::write_out() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t wrote = ::write(file_, buffer_.data() + done, buffer_.size() - done);
    if (wrote > 0) {
      done += static_cast<size_t>(wrote);
    } else if (wrote == 0 || errno != EINTR) {
      break;
    }
  }
  return done;
}

// The pipe is full. Its reader may come back: what he has not taken waits for him, and the newest lines are
// lost when that is too much.
void Recorder::keep_waiting(size_t done) {
  buffer_.erase(0, done);
  has_rest_ = torn_;
  const size_t end = buffer_.size() > kMostWaiting ? buffer_.rfind('\n', kMostWaiting) : std::string::npos;
  if (end != std::string::npos) {
    lose(end + 1, "nobody reads from it");
    buffer_.resize(end + 1);
  }
}

// A file that takes no more must not stop the rest: the hits stay in the history, the loss is counted, and
// said once.
void Recorder::lose(size_t first, const std::string& why) {
  unwritten_.add(static_cast<uint64_t>(
      std::count(buffer_.begin() + static_cast<ptrdiff_t>(first), buffer_.end(), '\n')));
  if (!failing_) {
    say(fail("write events to {}: {}; until it works again they are counted and dropped", settings_.file,
             why));
  }
  failing_ = true;
}

uint64_t Recorder::dropped() const {
  uint64_t total = 0;
  for (const auto& ring : rings_) {
    total += ring->dropped();
  }
  return total;
}

}  // namespace cenote
