// The real binary, started on free ports with a folder of its own, and spoken to as its users do.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/sockets.h"
#include "tests/support/temporary_folder.h"

namespace cenote::test {

struct HttpAnswer {
  int status = 0;  // 0: no answer came
  std::string head;
  std::string body;
};
// One HTTP/1.1 request on a connection of its own.
HttpAnswer http(const SocketAddress& server, const std::string& request_head, const std::string& body = "");
HttpAnswer http(const std::string& unix_path, const std::string& request_head, const std::string& body = "");
Descriptor connect_unix(const std::string& path);  // below 0: nobody listens there

struct Ran {
  int exit_code = -1;
  std::string out;  // standard output and error together
};
// Runs the binary to its end; killed after `wait`.
Ran run_cenote(const std::vector<std::string>& arguments, milliseconds wait = milliseconds{20000});

class CenoteProcess {
 public:
  struct Options {
    std::string feeds;          // YAML: the items of `feeds:`, indented by two
    std::string more = {};      // YAML: further top-level keys
    std::string upstream = {};  // YAML list of servers; empty: the scripted upstream that is given
    std::string dns_host = "127.0.0.1";
    unsigned workers = 2;
  };
  CenoteProcess(const TemporaryFolder& folder, const Options& options, const ScriptedUpstream* upstream);
  ~CenoteProcess();
  CenoteProcess(const CenoteProcess&) = delete;
  CenoteProcess& operator=(const CenoteProcess&) = delete;

  // False (with what it said in output()) when it does not come up within 30 s.
  bool start();
  void signal(int number);
  int wait_for_exit(milliseconds wait = milliseconds{20000});  // exit code, 128 + signal; -1: still runs

  [[nodiscard]] SocketAddress dns() const { return loopback(dns_port_); }
  [[nodiscard]] SocketAddress page() const { return loopback(page_port_); }
  [[nodiscard]] SocketAddress secure_page() const { return loopback(secure_page_port_); }
  [[nodiscard]] SocketAddress control() const { return loopback(control_port_); }
  [[nodiscard]] std::string socket() const { return folder_ / "control.sock"; }
  [[nodiscard]] std::string config() const { return folder_ / "cenote.yaml"; }
  [[nodiscard]] std::string output() const;  // of the process, so far
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Asks over UDP and reads the answer with ldns; `ok` is false when none came.
  [[nodiscard]] Message ask(std::string_view name, uint16_t type, const QueryOptions& options = {}) const;
  // Asks again and again until the rcode and number of answers are those, for at most `wait`.
  [[nodiscard]] bool becomes_blocked(std::string_view name, milliseconds wait = milliseconds{5000}) const;
  [[nodiscard]] bool becomes_free(std::string_view name, milliseconds wait = milliseconds{5000}) const;
  HttpAnswer api(const std::string& method, const std::string& target, const std::string& body = "",
                 const std::string& headers = "") const;
  // The binary as a client of this server.
  Ran command(std::vector<std::string> arguments, milliseconds wait = milliseconds{20000}) const;

  static constexpr const char* kSinkhole = "127.0.0.9";

 private:
  const TemporaryFolder& folder_;
  uint16_t dns_port_;
  uint16_t page_port_;
  uint16_t secure_page_port_;
  uint16_t control_port_;
  pid_t pid_ = -1;
};

}  // namespace cenote::test
