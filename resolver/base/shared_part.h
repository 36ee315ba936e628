// A part of the server of which each of several threads has its own, such as the listeners of the workers.
// Its fault stands while any of them is without it, and ends when all have said that they have it. Any
// thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "resolver/base/faults.h"

namespace cenote {

class SharedPart {
 public:
  SharedPart(Faults& faults, Part part, size_t holders);

  // A start or a reload begins: each holder is to tell again. `problem`: what none of them can have it for.
  // `warning`: what is said of it though all have it. Either may be empty.
  void expect(const std::string& problem, const std::string& warning);
  // `has_it`: in some form, perhaps that of before. `problem`: why not as configured; empty: it is.
  void tell(size_t holder, bool has_it, const std::string& problem);
  // Somebody has it.
  [[nodiscard]] bool is_held() const;

 private:
  struct Holder {
    bool is_awaited = false;
    bool has_it = false;
    std::string problem;
  };
  void judge();
  void set(bool is_off, const std::string& why);
  [[nodiscard]] size_t count() const noexcept;

  Faults& faults_;
  const Part part_;
  mutable std::mutex mutex_;
  std::string problem_;
  std::string warning_;
  std::vector<Holder> holders_;
};

}  // namespace cenote
