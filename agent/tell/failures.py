"""What a failure of the line to the broker means for the box, and what to do about it."""

from contract.failures import Failed, Failure, Kind, of, refusal, said, too_new

__all__ = ["ADVICE", "Failed", "Failure", "Kind", "of", "refusal", "said", "too_new"]

ADVICE: dict[Kind, dict[str, str]] = {
    Kind.DNS: {
        "en": "the broker's name cannot be resolved: check the name, the DNS server and the uplink",
        "zh": "无法解析消息服务器的域名：请检查域名、DNS 设置和上行网络",
    },
    Kind.TCP: {
        "en": "nothing answers at the broker's address: check the uplink, firewall, address and port",
        "zh": "消息服务器地址无应答：请检查上行网络、防火墙、地址和端口",
    },
    Kind.TLS: {
        "en": "no encrypted connection can be made: check that tls in the settings fits the broker's port",
        "zh": "无法建立加密连接：请检查配置中的 tls 与服务器端口是否相符",
    },
    Kind.TLS_TIME: {
        "en": "the broker's certificate is not valid at this time: check the box's clock (NTP) first, then renew it",
        "zh": "按本机时间，服务器证书不在有效期内：请先检查本机时钟（NTP），再更新证书",
    },
    Kind.TLS_CA: {
        "en": "the broker's certificate is not from the authority in the settings: check tls.ca, or who answers there",
        "zh": "服务器证书不是由配置中的 CA 签发：请检查 tls.ca；也可能对方不是我们的服务器",
    },
    Kind.TLS_NAME: {
        "en": "the broker's certificate is for another name: use the host name that stands in it",
        "zh": "服务器证书上的名称与配置不符：请使用证书中的主机名",
    },
    Kind.AUTH: {
        "en": "the broker does not accept our account or certificate: check username, password, tls.cert and tls.key",
        "zh": "服务器拒绝本网关的账号或证书：请检查用户名、密码、tls.cert 和 tls.key",
    },
    Kind.ACL: {
        "en": "the broker does not permit our topics: gateway.id and city must be those of the account",
        "zh": "服务器不允许使用本网关的主题：gateway.id 和 city 须与账号一致",
    },
    Kind.MQTT: {
        "en": "the broker answers but does not let us in: it may be overloaded, or no MQTT broker",
        "zh": "服务器有应答但未接受连接：可能过载，或不是 MQTT 服务器",
    },
    Kind.MTU: {
        "en": "small messages arrive and large ones do not: the path drops large packets in silence (path MTU); lower "
        "the MTU of the uplink (to 1280, say) or set net.ipv4.tcp_mtu_probing=1",
        "zh": "小消息能到、大消息不到：线路静默丢弃大包（路径 MTU）；请把上行接口 MTU 调低（如 1280），"
        "或设置 net.ipv4.tcp_mtu_probing=1",
    },
    Kind.DUPLICATE: {
        "en": "another box uses this gateway's identity (a copied card?): find it and enrol it anew",
        "zh": "另有设备使用本网关的身份（存储卡被复制？）：请找出该设备并重新登记",
    },
}
