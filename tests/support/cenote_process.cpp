#include "tests/support/cenote_process.h"

#include <csignal>

#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace cenote::test {
namespace {

using Clock = std::chrono::steady_clock;

// A sanitized binary on a busy machine takes its time.
constexpr milliseconds kStartPatience{30000};
constexpr milliseconds kStep{20};

pid_t spawn(const std::vector<std::string>& arguments, const std::string& output) {
  std::vector<std::string> all{CENOTE_BINARY};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return pid;
}

int exit_code(pid_t pid, milliseconds wait) {
  const auto deadline = Clock::now() + wait;
  while (Clock::now() < deadline) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(kStep);
  }
  return -1;
}

HttpAnswer exchange(int descriptor, std::string request_head, const std::string& body) {
  const size_t first_line = request_head.find("\r\n");
  if (first_line == std::string::npos) {
    request_head += " HTTP/1.1\r\nHost: localhost\r\n";
  }
  request_head += "Connection: close\r\n";
  if (!body.empty()) {
    request_head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  const std::string request = request_head + "\r\n" + body;
  HttpAnswer answer;
  if (!send_all(descriptor, as_bytes(request))) {
    return answer;
  }
  std::string text;
  std::array<char, 65536> buffer;
  pollfd watched{descriptor, POLLIN, 0};
  while (poll(&watched, 1, 20000) == 1) {
    const ssize_t got = recv(descriptor, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      break;
    }
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  const size_t end = text.find("\r\n\r\n");
  if (end != std::string::npos && text.size() > 12) {
    answer.status = std::stoi(text.substr(9, 3));
    answer.head = text.substr(0, end);
    answer.body = text.substr(end + 4);
  }
  return answer;
}

}  // namespace

HttpAnswer http(const SocketAddress& server, const std::string& request_head, const std::string& body) {
  const Descriptor client = connect_tcp(server);
  return client.get() < 0 ? HttpAnswer{} : exchange(client.get(), request_head, body);
}

Descriptor connect_unix(const std::string& path) {
  Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const bool is_connected = connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  return is_connected ? std::move(client) : Descriptor();
}

HttpAnswer http(const std::string& unix_path, const std::string& request_head, const std::string& body) {
  const Descriptor client = connect_unix(unix_path);
  return client.get() < 0 ? HttpAnswer{} : exchange(client.get(), request_head, body);
}

Ran run_cenote(const std::vector<std::string>& arguments, milliseconds wait) {
  const TemporaryFolder folder;
  const pid_t pid = spawn(arguments, folder / "out");
  Ran ran;
  ran.exit_code = exit_code(pid, wait);
  if (ran.exit_code == -1) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  ran.out = folder.read("out");
  return ran;
}

CenoteProcess::CenoteProcess(const TemporaryFolder& folder, const Options& options,
                             const ScriptedUpstream* upstream)
    : folder_(folder),
      dns_port_(free_port()),
      page_port_(free_port()),
      secure_page_port_(free_port()),
      control_port_(free_port()) {
  const std::string servers = !options.upstream.empty() ? options.upstream
                              : upstream != nullptr     ? "[\"udp://" + upstream->address().to_text() + "\"]"
                                                        : "[\"udp://127.0.0.1:9\"]";
  folder.write("cenote.yaml",
               "state_dir: " + folder.path() + "/state\n" +  //
                   "listen:\n  dns: [\"" + options.dns_host + ":" + std::to_string(dns_port_) + "\"]\n" +
                   "  workers: " + std::to_string(options.workers) + "\n" +                      //
                   "upstream:\n  - zone: \".\"\n    servers: " + servers + "\n" +                //
                   (options.feeds.empty() ? "feeds: []\n" : "feeds:\n" + options.feeds) +        //
                   "sinkhole: {ipv4: " + kSinkhole + ", ipv6: \"::1\"}\n" +                      //
                   "blockpage:\n  http: [\"127.0.0.1:" + std::to_string(page_port_) + "\"]\n" +  //
                   "  https: [\"127.0.0.1:" + std::to_string(secure_page_port_) + "\"]\n" +      //
                   "  organisation: \"Example K.K.\"\n" +                                        //
                   "  contact: {mail: csirt@example.com, phone: \"+81-3-0000-0000\"}\n" +        //
                   "control:\n  socket: " + socket() + "\n" +                                    //
                   "  http: [\"127.0.0.1:" + std::to_string(control_port_) + "\"]\n" +           //
                   "  tokens: " + (folder / "tokens.yaml") + "\n" +                              //
                   "events: {file: " + (folder / "events.jsonl") + "}\n" + options.more);
}

CenoteProcess::~CenoteProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

bool CenoteProcess::start() {
  std::filesystem::remove(folder_ / "out");
  pid_ = spawn({"serve", "--config", config()}, folder_ / "out");
  const auto deadline = Clock::now() + kStartPatience;
  while (Clock::now() < deadline) {
    if (output().find("is running with") != std::string::npos) {
      return true;
    }
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    std::this_thread::sleep_for(kStep);
  }
  return false;
}

void CenoteProcess::signal(int number) {
  kill(pid_, number);
}

int CenoteProcess::wait_for_exit(milliseconds wait) {
  const int code = exit_code(pid_, wait);
  if (code != -1) {
    pid_ = -1;
  }
  return code;
}

std::string CenoteProcess::output() const {
  return folder_.read("out");
}

Message CenoteProcess::ask(std::string_view name, uint16_t type, const QueryOptions& options) const {
  const auto answer = test::ask(dns(), query(name, type, options), milliseconds{10000});
  return answer ? read(*answer) : Message{};
}

bool CenoteProcess::becomes_blocked(std::string_view name, milliseconds wait) const {
  const std::string sinkholed = std::string(" IN A ") + kSinkhole;
  const auto deadline = Clock::now() + wait;
  do {
    const Message answer = ask(name, rrtype::kA);
    if (answer.answers.size() == 1 && answer.answers[0].ends_with(sinkholed)) {
      return true;
    }
    std::this_thread::sleep_for(kStep);
  } while (Clock::now() < deadline);
  return false;
}

bool CenoteProcess::becomes_free(std::string_view name, milliseconds wait) const {
  const auto deadline = Clock::now() + wait;
  do {
    if (!ask(name, rrtype::kA).ede) {
      return true;
    }
    std::this_thread::sleep_for(kStep);
  } while (Clock::now() < deadline);
  return false;
}

HttpAnswer CenoteProcess::api(const std::string& method, const std::string& target, const std::string& body,
                              const std::string& headers) const {
  return http(socket(), method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers, body);
}

Ran CenoteProcess::command(std::vector<std::string> arguments, milliseconds wait) const {
  arguments.insert(arguments.end(), {"--socket", socket()});
  return run_cenote(arguments, wait);
}

}  // namespace cenote::test
