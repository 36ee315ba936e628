// Large answers that have been given and wait for their readers: each is in memory until it is read, so
// nobody may have many of them waiting. Web thread.
#pragma once

#include <list>
#include <string>

#include "resolver/net/http.h"

namespace cenote {

class UnsentAnswers {
 public:
  // What is smaller is not looked at: 4,096 connections have 256 MiB of it at most.
  static constexpr size_t kLarge = 64U << 10;
  // In all: an export of ten million names. One who has none waiting gets any, whatever its size; one who has
  // some gets more while all of them fit into what is free.
  static constexpr size_t kMost = 256U << 20;

  [[nodiscard]] bool has_room(const std::string& who, size_t bytes);
  void add(std::string who, HttpResponder responder);

 private:
  struct Answer {
    std::string who;
    HttpResponder responder;
  };
  std::list<Answer> answers_;
};

}  // namespace cenote
