// A file as it stands. Byte iterators of a stream would cost a test of large files more than the test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace cenote::test {

inline std::string read_file(const std::filesystem::path& path) {
  std::string body(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary).read(body.data(), static_cast<std::streamsize>(body.size()));
  return body;
}

}  // namespace cenote::test
