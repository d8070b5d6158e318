using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>A server for debug files, which is asked when it shall be, and only then.</summary>
[Trait("Needs", "native")]
public sealed class DebuginfodTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string? _urls = Environment.GetEnvironmentVariable(Debuginfod.Urls);
    private readonly string? _cache = Environment.GetEnvironmentVariable("DEBUGINFOD_CACHE_PATH");

    public DebuginfodTests()
    {
        Assert.SkipUnless(ElfExecutable.IsBuilt, ElfExecutable.WhyNot);
        ServiceProcess.Command = [ElfExecutable.Path];
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Debuginfod.Urls, _urls);
        Environment.SetEnvironmentVariable("DEBUGINFOD_CACHE_PATH", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void AServerInTheEnvironmentIsNotAsked()
    {
        using var server = new SilentServer();
        Ask(server, asksServers: false, out var names, out _);

        Assert.DoesNotContain(names, name => name.Function == "main");
        Assert.Equal(0, server.Connections);
    }

    [Fact]
    public void ASilentServerIsGivenUp()
    {
        using var server = new SilentServer();
        var clock = Stopwatch.StartNew();
        Ask(server, asksServers: true, out var names, out var warnings);

        Assert.NotEmpty(names);
        Assert.InRange(server.Connections, 1, int.MaxValue);
        Assert.Matches("no server answered within 4.5 s", Assert.Single(warnings));
        // The wait itself; how long a process takes to start is the machine's affair.
        Assert.InRange(clock.Elapsed.TotalSeconds, 4.5, 60);
    }

    /// <summary>Twice the same question: what is known to be missing is not asked for again, and a second file meets a client that has given up.</summary>
    private void Ask(SilentServer server, bool asksServers, out IReadOnlyList<CodeName> names, out IReadOnlyList<string> warnings)
    {
        Environment.SetEnvironmentVariable(Debuginfod.Urls, server.Url);
        Environment.SetEnvironmentVariable("DEBUGINFOD_CACHE_PATH", _folder.File("cache"));
        var program = _folder.File("stripped");
        Process.Start("objcopy", ["--strip-all", ElfExecutable.Program, program])!.WaitForExit();
        using var files = new DebugFiles(asksServers);
        using var worker = new ElfWorker(files);
        var address = worker.MakeUnwindTable(program, program).Rows[^1].Pc + 1UL;
        var found = new List<CodeName>();
        for (var i = 0; i < 2; i++)
            found.AddRange(worker.Find(worker.Open(program, program, 0).Module, address).Names);
        (names, warnings) = (found, files.Warnings);
    }

    /// <summary>Takes connections and never says anything.</summary>
    private sealed class SilentServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<TcpClient> _clients = [];
        private readonly Thread _thread;

        public SilentServer()
        {
            _listener.Start();
            _thread = new Thread(Accept);
            _thread.Start();
        }

        public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

        public int Connections => _clients.Count;

        public void Dispose()
        {
            _listener.Stop();
            _thread.Join();
            _clients.ForEach(client => client.Dispose());
        }

        private void Accept()
        {
            try
            {
                while (true)
                    _clients.Add(_listener.AcceptTcpClient());
            }
            catch (SocketException)
            {
                // The end of the test.
            }
        }
    }
}
