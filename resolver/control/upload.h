// A request's body on its way in, and what bounds all of them: places, shared by who sends, and a time that
// nobody can stretch by sending slowly. Web thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ioc/incoming_list.h"
#include "resolver/base/clock.h"
#include "resolver/control/places.h"
#include "resolver/control/settings.h"
#include "resolver/net/http.h"

namespace cenote {

// Keeps a list in a file of the store's folder, and a text in memory. What has come goes when the request
// breaks off, or when it is ended.
class Upload final : public HttpBodySink {
 public:
  Upload() = default;  // takes nothing: there is no room
  Upload(Places::Ref place, std::shared_ptr<IncomingList> list, MonoTime now)
      : place_(std::move(place)), list_(std::move(list)), started_(now) {}

  [[nodiscard]] bool take(Bytes piece) noexcept override;
  // All has come: from now on time is the server's.
  void complete() noexcept { is_complete_ = true; }
  // Gives its place to others; what still comes is refused.
  void end() noexcept;

  [[nodiscard]] const std::shared_ptr<IncomingList>& list() const noexcept { return list_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool is_under_way() const noexcept { return place_ != nullptr && !is_complete_; }
  [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] MonoTime started() const noexcept { return started_; }
  [[nodiscard]] std::string who() const { return place_ ? place_->who() : std::string(); }

 private:
  Places::Ref place_;
  std::shared_ptr<IncomingList> list_;  // null: into text_
  std::string text_;
  uint64_t bytes_ = 0;
  MonoTime started_{};
  bool is_complete_ = false;
};

// Throws a body away as it comes: nobody will read it.
class UnreadBody final : public HttpBodySink {
 public:
  [[nodiscard]] bool take(Bytes /*piece*/) noexcept override { return true; }
};

class Uploads {
 public:
  explicit Uploads(const UploadSettings& settings) : places_(settings.at_once) { configure(settings); }

  void configure(const UploadSettings& settings);
  // Null: no place. When all are taken, one with several gives up the slowest for who has none.
  [[nodiscard]] Places::Ref take_place(const std::string& who, MonoTime now);
  void add(const std::shared_ptr<Upload>& upload);
  // Ends those that come too slowly, or take too long. To be called about every second.
  void end_slow(MonoTime now);

  [[nodiscard]] uint64_t ended() const noexcept { return ended_; }      // too slow, or for somebody else
  [[nodiscard]] uint64_t refused() const noexcept { return refused_; }  // without a place

 private:
  [[nodiscard]] bool is_slow(const Upload& upload, MonoTime now) const;
  void end(Upload& upload, const char* why);
  void make_room(const std::string& who, MonoTime now);

  UploadSettings settings_;
  Places places_;
  std::vector<std::weak_ptr<Upload>> uploads_;
  uint64_t ended_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace cenote
