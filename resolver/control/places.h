// Places for what is bounded in number, shared among those who ask: whoever has some gets one more only while
// more than that are free. One alone gets half of all, the next half of the rest, and so on, so that who has
// none finds a place though others take all that they can get. One thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

namespace cenote {

class Places {
 public:
  explicit Places(size_t all) : all_(all) {}

  class Place {  // given back when it goes, also when the places have gone before it
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    [[nodiscard]] const std::string& who() const noexcept { return who_; }

   private:
    friend class Places;
    struct Taken {
      size_t in_all = 0;
      std::map<std::string, size_t> by;
    };
    Place(std::shared_ptr<Taken> taken, std::string who);

    std::shared_ptr<Taken> taken_;
    std::string who_;
  };
  using Ref = std::shared_ptr<Place>;

  // Null: `who` has its share, or all are taken.
  [[nodiscard]] Ref take(const std::string& who);
  // Who has the most, when that is more than one; else empty.
  [[nodiscard]] std::string who_has_most() const;
  void resize(size_t all) noexcept { all_ = all; }

  [[nodiscard]] size_t taken() const noexcept { return taken_->in_all; }
  [[nodiscard]] size_t taken_by(const std::string& who) const;

 private:
  size_t all_;
  std::shared_ptr<Place::Taken> taken_ = std::make_shared<Place::Taken>();
};

}  // namespace cenote
