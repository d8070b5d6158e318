using Faultrec.Recorder.Probes;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

/// <summary>What a killed recorder left in tracefs is told from everybody else's.</summary>
public sealed class StaleKprobesTests
{
    /// <summary>Of process 100, which is gone; 200 lives.</summary>
    [Theory]
    [InlineData("p:kprobes/libbpf_100_handle_mm_fault_0x0_0 handle_mm_fault+0x0", "kprobes/libbpf_100_handle_mm_fault_0x0_0")]
    [InlineData("r10:kretprobes/libbpf_100_handle_mm_fault_0x0_1 handle_mm_fault", "kretprobes/libbpf_100_handle_mm_fault_0x0_1")]
    [InlineData("p:kprobes/libbpf_100_do_wp_page_0x0_2 do_wp_page+0x0", "kprobes/libbpf_100_do_wp_page_0x0_2")]
    [InlineData("r:kretprobes/libbpf_100___x64_sys_mmap_0x0_3 __x64_sys_mmap+0x0", "kretprobes/libbpf_100___x64_sys_mmap_0x0_3")]
    [InlineData("p:kprobes/libbpf_200_handle_mm_fault_0x0_0 handle_mm_fault+0x0", null)]
    [InlineData("p:kprobes/libbpf_100_vfs_read_0x0_0 vfs_read+0x0", null)] // another tool's
    [InlineData("p:kprobes/mine handle_mm_fault arg=%di", null)] // made by hand
    [InlineData("p:kprobes/libbpf_ handle_mm_fault", null)]
    [InlineData("", null)]
    public void OnlyProbesOfDeadRecordersAreFound(string line, string? name)
        => Assert.Equal(name is null ? [] : [name], StaleKprobes.Find("p:kprobes/other vfs_write\n" + line + "\n", pid => pid == 200));
}
