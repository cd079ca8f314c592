import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryOneTime;

/**
 * Contenders for a lock with Curator's InterProcessMutex, and candidates with its LeaderLatch, told line by line what
 * to do: VERB NAME [COUNT].
 *
 * Each name is a contender of its own, on a thread of its own; what becomes of it is printed as NAME RESULT.
 */
public class Contender {
  private static CuratorFramework client;
  private static String lockPath;
  private static String electionPath;
  private static String counterPath;

  private final String name;
  private final ExecutorService thread;
  private final InterProcessMutex mutex;
  private LeaderLatch latch;

  public static void main(String[] args) throws Exception {
    lockPath = args[1];
    counterPath = args[2];
    electionPath = args[3];
    client = CuratorFrameworkFactory.newClient(args[0], 4000, 60000, new RetryOneTime(1000));
    client.start();
    client.blockUntilConnected();
    say("all", "connected");
    Map<String, Contender> contenders = new HashMap<>();
    Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      String[] words = lines.nextLine().split(" ");
      contenders.computeIfAbsent(words[1], Contender::new).tell(words);
    }
    client.close();
    System.exit(0);
  }

  private static synchronized void say(String name, String result) {
    System.out.println(name + " " + result);
  }

  private Contender(String name) {
    this.name = name;
    thread = Executors.newSingleThreadExecutor();
    mutex = new InterProcessMutex(client, lockPath);
  }

  private void tell(String[] words) {
    thread.submit(() -> {
      try {
        say(name, act(words));
      } catch (Exception error) {
        say(name, "failed: " + error);
      }
    });
  }

  private String act(String[] words) throws Exception {
    switch (words[0]) {
      case "acquire":
        mutex.acquire();
        return "held";
      case "attempt":
        return mutex.acquire(0, TimeUnit.MILLISECONDS) ? "held" : "refused";
      case "release":
        mutex.release();
        return "released";
      case "count":
        for (int i = 0; i < Integer.parseInt(words[2]); i++) count();
        return "counted";
      case "stand":
        latch = new LeaderLatch(client, electionPath, name);
        latch.addListener(new LeaderLatchListener() {
          public void isLeader() {
            say(name, "leads");
          }

          public void notLeader() {
            say(name, "follows");
          }
        });
        latch.start();
        return "stands";
      case "resign":
        latch.close();
        return "resigned";
      default:
        return "failed: unknown verb";
    }
  }

  private void count() throws Exception {
    mutex.acquire();
    try {
      String text = new String(client.getData().forPath(counterPath), StandardCharsets.UTF_8);
      String next = String.valueOf(Integer.parseInt(text) + 1);
      client.setData().forPath(counterPath, next.getBytes(StandardCharsets.UTF_8));
    } finally {
      mutex.release();
    }
  }
}
