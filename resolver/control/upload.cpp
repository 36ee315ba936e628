#include "resolver/control/upload.h"

#include <algorithm>

#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

// The time in which a connection may find its pace.
constexpr seconds kGrace{30};

uint64_t milliseconds_between(MonoTime from, MonoTime to) {
  return static_cast<uint64_t>(
      std::max<int64_t>(std::chrono::duration_cast<milliseconds>(to - from).count(), 1));
}

}  // namespace

bool Upload::take(Bytes piece) noexcept {
  if (place_ == nullptr) {
    return false;
  }
  bytes_ += piece.size();
  try {
    if (list_ == nullptr) {
      text_ += as_text(piece);
      return true;
    }
    const Result<void> kept = list_->append(piece);
    if (!kept) {
      log::error("a pushed list cannot be kept: {}", kept.error().message);
    }
    return kept.has_value();
  } catch (const std::exception& thrown) {
    log::error("a body cannot be kept: {}", thrown.what());
    end();
    return false;
  }
}

void Upload::end() noexcept {
  place_.reset();
  list_.reset();
  text_ = {};
}

void Uploads::configure(const UploadSettings& settings) {
  settings_ = settings;
  places_.resize(settings.at_once);
}

Places::Ref Uploads::take_place(const std::string& who, MonoTime now) {
  Places::Ref place = places_.take(who);
  if (place == nullptr && places_.taken_by(who) == 0) {
    make_room(who, now);
    place = places_.take(who);
  }
  refused_ += place == nullptr ? 1U : 0U;
  return place;
}

void Uploads::add(const std::shared_ptr<Upload>& upload) {
  std::erase_if(uploads_, [](const auto& one) { return one.expired(); });
  uploads_.push_back(upload);
}

// Of whoever has most of the places the upload that has come the least way in its time.
void Uploads::make_room(const std::string& who, MonoTime now) {
  const std::string most = places_.who_has_most();
  std::shared_ptr<Upload> slowest;
  const auto pace = [now](const Upload& upload) {
    return upload.bytes() * 1000 / milliseconds_between(upload.started(), now);
  };
  for (const auto& each : uploads_) {
    auto upload = each.lock();
    if (upload != nullptr && upload->is_under_way() && upload->who() == most &&
        (slowest == nullptr || pace(*upload) < pace(*slowest))) {
      slowest = std::move(upload);
    }
  }
  if (!most.empty() && slowest != nullptr) {
    log::warn("control: all places for bodies are taken; {} gives one of its to {}", printable(most, 62),
              printable(who, 62));
    end(*slowest, "another sender has none");
  }
}

bool Uploads::is_slow(const Upload& upload, MonoTime now) const {
  const MonoTime::duration taken = now - upload.started();
  if (taken <= kGrace) {
    return false;
  }
  const uint64_t counted = milliseconds_between(upload.started() + kGrace, now);
  return taken > settings_.time || upload.bytes() < settings_.rate * counted / 1000;
}

void Uploads::end(Upload& upload, const char* why) {
  ++ended_;
  log::warn("control: a body of {} is ended after {} bytes: {}", printable(upload.who(), 62), upload.bytes(),
            why);
  upload.end();
}

void Uploads::end_slow(MonoTime now) {
  std::erase_if(uploads_, [](const auto& one) { return one.expired(); });
  for (const auto& each : uploads_) {
    if (const auto upload = each.lock();
        upload != nullptr && upload->is_under_way() && is_slow(*upload, now)) {
      end(*upload, "it comes too slowly, or takes too long");
    }
  }
}

}  // namespace cenote
