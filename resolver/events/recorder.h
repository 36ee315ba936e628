// The recorder's thread: drains every ring, writes the event file, keeps the history. It may block on a disk;
// nobody waits for it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "resolver/base/faults.h"
#include "resolver/base/result.h"
#include "resolver/events/condenser.h"
#include "resolver/events/event_ring.h"
#include "resolver/events/history.h"
#include "resolver/events/settings.h"

namespace cenote {

class Recorder {
 public:
  // `faults`, which outlives the recorder, hears when the file cannot be used.
  explicit Recorder(EventSettings settings, Faults* faults = nullptr);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // A new ring for one writer. Before start().
  EventRing& add_ring();
  // Opens the event file (its folder must exist) and starts the thread. An error names the file; hits are
  // kept in memory alone then, and counted as unwritten, until reopen() finds it.
  Result<void> start();
  void stop();                       // drains what is left, then ends; harmless when not running
  void reopen() { reopen_ = true; }  // after the file was rotated away

  [[nodiscard]] const History& history() const noexcept { return history_; }
  [[nodiscard]] uint64_t dropped() const;  // events that found their ring full
  [[nodiscard]] uint64_t recorded() const noexcept { return recorded_.value(); }
  [[nodiscard]] uint64_t unwritten() const noexcept { return unwritten_.value(); }  // the file refused them
  // Of those recorded: without an event of their own, and of these over their client's rate.
  [[nodiscard]] uint64_t condensed() const noexcept { return condenser_.condensed(); }
  [[nodiscard]] uint64_t omitted() const noexcept { return condenser_.omitted(); }

 private:
  void run();
  size_t drain_all();
  void take(std::span<const PackedEvent> events);
  void record(const EventView& event);
  void write(const EventView& event);
  void flush();
  [[nodiscard]] size_t write_out();
  void keep_waiting(size_t done);
  void lose(size_t first, const std::string& why);
  Result<void> open_file();
  void open_again();
  void say(const Error& error);

  EventSettings settings_;
  Faults* const faults_;
  std::vector<std::unique_ptr<EventRing>> rings_;
  Condenser condenser_;
  History history_;
  int file_ = -1;
  std::string buffer_;
  bool failing_ = false;   // lines were lost, and the file has not taken all since
  bool torn_ = false;      // the file ends in half a line
  bool has_rest_ = false;  // its other half, or what ends it, is the first line of buffer_
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reopen_{false};
  Counter recorded_;
  Counter unwritten_;
};

}  // namespace cenote
