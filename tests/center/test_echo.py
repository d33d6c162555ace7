from center.echo import LATE_S, Echo


def test_the_center_is_up_while_its_echo_comes_back_in_time() -> None:
    """From the first prompt one on; while one is under way, up to when it was sent."""
    echo = Echo()
    echo.sent("a", 0.0, 1_000)
    assert echo.up_to_ms(1.0, 2_000) is None
    echo.heard("a", 1.5, 2_500)
    assert (echo.up_since_ms, echo.up_to_ms(5.0, 6_000)) == (2_500, 6_000)
    echo.sent("b", 10.0, 11_000)
    assert echo.up_to_ms(12.0, 13_000) == 11_000
    echo.heard("b", 13.0, 14_000)
    assert (echo.up_since_ms, echo.up_to_ms(15.0, 16_000)) == (2_500, 16_000)


def test_a_late_echo_is_no_gateways_silence() -> None:
    """One that is overdue or came late ends the time in which the center was up; the next prompt one begins it anew."""
    echo = Echo()
    echo.sent("a", 0.0, 0)
    echo.heard("a", 0.1, 100)
    echo.sent("b", 10.0, 10_000)
    assert echo.up_to_ms(10.0 + LATE_S + 1, 21_000) is None
    echo.heard("b", 30.0, 30_000)
    assert echo.up_since_ms is None
    echo.sent("c", 31.0, 31_000)
    echo.heard("c", 31.5, 31_500)
    assert (echo.up_since_ms, echo.up_to_ms(32.0, 32_000)) == (31_500, 32_000)
    echo.heard("never sent", 33.0, 33_000)
    assert echo.up_since_ms == 31_500
